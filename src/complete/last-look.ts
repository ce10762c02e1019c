// Takes a last look before a destination is completed: lists the source once more, compares it with what is here, and checks that no
// process is at work on either side. Reads no contents.

import { InaccessibleDirectories } from '../disk/inaccessible-directories.js';
import { type ErrorCode, LmError } from '../errors.js';
import type { Emit } from '../events.js';
import type { Roots } from '../files/roots.js';
import { createSourceGuard } from '../guards/guard-source.js';
import { createWalker } from '../listing/walk-lines.js';
import { addressOf } from '../migration/address.js';
import { refusing } from '../migration/guards/objections.js';
import { createServiceWatch, isCassandraTree } from '../migration/guards/service-watch.js';
import { refuseIfSourceComplete, refuseOtherSides, snapshotError } from '../migration/known-sides.js';
import { type Owners, openOwners } from '../migration/owners.js';
import type { SourceStatus } from '../migration/source-status.js';
import { isRoot, type User } from '../migration/user.js';
import { differenceLine } from '../render/lines.js';
import { leftOutRows, notKeptRows } from '../render/rows/left-out.js';
import type { VerifyReport } from '../report/verify-report.js';
import type { CompleteSettings } from '../settings/settings.js';
import { directoryIn } from '../settings/values/source-url.js';
import { exclusionsSum } from '../sides/exclude.js';
import { connectSource } from '../source/connect-source.js';
import type { Source } from '../source/source.js';
import { openSpoolDir, openTemporarySpoolDir } from '../spool/spool-dir.js';
import { knownFidelity } from '../state/fidelity.js';
import type { Instance } from '../state/instance.js';
import { hasSameExclusions } from '../state/journal/history.js';
import { readJournal } from '../state/journal/journal.js';
import { compareListings, type SweepOptions } from '../verify/sweep.js';
import { beginReport, PROBLEMS } from '../verify/verify.js';

interface LookOptions {
  settings: CompleteSettings & { url: URL };
  instance: Instance;
  roots: Roots;
  user: User;
  emit: Emit;
  signal: AbortSignal;
}

const WAY_OUT_HINT = '--unverified completes without a last look';

/** A source that changes during each of so many comparisons is not going to stand still. */
const MAX_COMPARISONS = 3;

/**
 * Returns the status of the source. Throws `refused` when an entry differs, when a process is at work on either side, or when the source
 * cannot be listed any more; `source` when it cannot be reached.
 */
export async function takeLastLook(options: LookOptions): Promise<SourceStatus> {
  const { settings, instance, roots, user, emit, signal } = options;
  const watch = createServiceWatch({ ...settings, threshold: 1 }, roots, {
    ...{ env: user.env, emit, signal },
    object: refusing,
  });
  await watch.check(0);
  const spoolDir = instance.untrusted === undefined ? openSpoolDir(instance.dir) : openTemporarySpoolDir();
  const inaccessible = isRoot(user) ? undefined : new InaccessibleDirectories(roots);
  const walker = createWalker();
  let source: Source | undefined;
  let owners: Owners | undefined;
  try {
    owners = await openOwners({ rules: settings.ownerRules, spool: spoolDir.path, emit });
    source = await connectOrExplain({ ...options, spool: spoolDir.path });
    const { url } = source;
    refuseIfSourceComplete(
      source,
      `so it cannot be listed any more: lm reset there, lm complete here, lm complete there; or ${WAY_OUT_HINT}`,
    );
    if (source.snapshot !== undefined) throw snapshotError(source, 'lm complete');
    const sweep = {
      fidelity: knownFidelity(instance.dir),
      ...{ source, roots, owners, inaccessible, spool: spoolDir.path, walker, emit, signal },
      exclusions: settings.exclusions,
      without: settings.without,
      keepSetuid: settings.keepSetuid,
      yaml: settings.cassandra?.file,
      admit(header, mounts) {
        refuseOtherSides({ instance, roots }, url, header, mounts);
        refuseOtherExclusions(instance, exclusionsSum(settings.exclusions, header));
      },
    } satisfies SweepOptions;
    const differences = await compareSettled(sweep, isCassandraTree(settings, roots));
    await watch.check(0); // before the differences: a running service explains them
    refuseDifferences(differences);
    const { leftOut, notKept } = differences;
    for (const [what, text] of [...leftOutRows(leftOut), ...notKeptRows(notKept)])
      emit({ type: 'warning', text: `${what}: ${text}` });
    const kind = directoryIn(settings.url) === undefined ? source.kind : 'directory';
    return { url, kind, status: source.firstStatus };
  } finally {
    inaccessible?.restoreModes(emit);
    owners?.close();
    spoolDir.remove();
    await source?.close();
    await walker.close();
  }
}

/** Entries that are excluded now, and were not then, would not be compared. */
function refuseOtherExclusions({ dir }: Instance, exclusions: string): void {
  if (hasSameExclusions(readJournal(dir), exclusions)) return;
  throw new LmError('changed-since-verified', 'the exclusions, here or at the source, are not those of the last copy', {
    hint: `lm copy --threshold 1.0, lm verify, lm complete, all with the same; or ${WAY_OUT_HINT}`,
  });
}

async function connectOrExplain({
  settings,
  roots,
  emit,
  signal,
  spool,
}: LookOptions & { spool: string }): Promise<Source> {
  const address = await addressOf(settings);
  try {
    return await connectSource({ ...address, roots, spool, emit, signal });
  } catch (error) {
    if (!(error instanceof LmError) || !GONE.has(error.code)) throw error;
    throw new LmError('source-unreachable', `the source cannot be asked whether it has changed: ${error.message}`, {
      cause: error,
      hint: `lm serve has to run there: start it, then lm complete again; if the source is gone for good, ${WAY_OUT_HINT}`,
    });
  }
}

/** `usage`, because the name of a host that is gone may no longer be resolved. */
const GONE = new Set<ErrorCode>(['source', 'usage']);

interface Differences {
  entries: number;
  leftOut: VerifyReport['leftOut'];
  notKept: VerifyReport['notKept'];
  first: string[];
}

const SHOWN = 10;

/** As in the final pass, files that changed just before the listing are listed again once their times prove something. */
async function compareSettled(options: SweepOptions, cassandra: boolean): Promise<Differences> {
  const { source, emit, signal } = options;
  const about = { source, cassandra, emit, signal };
  const guard = createSourceGuard({ ...about, allowLiveSource: false, waitMs: 0, object: refuse });
  for (let looks = 1; ; looks++) {
    await guard.waitUntilSettled();
    const report = beginReport({ run: '', source, algorithm: 'xxhash32', without: options.without });
    const first: string[] = [];
    const collect: Emit = (event) => {
      if (event.type !== 'difference') emit(event);
      else if (first.length < SHOWN) first.push(differenceLine(event.difference));
    };
    const { totals } = await compareListings({ ...options, emit: collect }, report);
    const entries = PROBLEMS.reduce((sum, counter) => sum + report[counter], totals.errors);
    const settled = guard.noteListing(totals);
    if (!settled && looks < MAX_COMPARISONS) continue;
    await guard.prove();
    return { entries, first, leftOut: report.leftOut, notKept: report.notKept };
  }
}

/** Replaces the hint, because the guard's own hint is for a copy. */
function refuse({ message, details }: LmError): never {
  throw new LmError('changed-since-verified', message, {
    details,
    hint: `stop what writes there, then lm copy --threshold 1.0, lm verify, lm complete; or ${WAY_OUT_HINT}`,
  });
}

function refuseDifferences({ entries, first }: Differences): void {
  if (entries === 0) return;
  const what = `${entries} ${entries === 1 ? 'entry differs' : 'entries differ'}`;
  throw new LmError('changed-since-verified', `the two sides have changed since they were verified: ${what}`, {
    details: first,
    hint: `stop the service on both, then lm copy --threshold 1.0, lm verify, lm complete; or ${WAY_OUT_HINT}`,
  });
}
