// One verification, from its lock to its last record, of a migration that is given as plain data. Knows no argument, stream or process:
// a command, a task of an agent and a test call it alike.

import { randomUUID } from 'node:crypto';
import { availableParallelism } from 'node:os';
import { ClosedDirectories } from '../disk/closed-directories.js';
import { LmError, printable } from '../errors.js';
import type { Emit } from '../events.js';
import { exitCodeOf } from '../exit-codes.js';
import { presences, type Unrest } from '../guards/at-rest.js';
import { createWalker } from '../listing/walk-lines.js';
import { addressOf } from '../migration/address.js';
import { concurrencyAt } from '../migration/concurrency.js';
import type { Destination } from '../migration/destination.js';
import { refuseIfSourceComplete, refuseOtherSides } from '../migration/known-sides.js';
import type { Listener } from '../migration/listener.js';
import { type Owners, openOwners } from '../migration/owners.js';
import { isRoot, type User } from '../migration/user.js';
import type { VerifyReport } from '../report.js';
import { askedInClear } from '../settings/in-clear.js';
import { tellSettingsFile } from '../settings/settings-file.js';
import { exclusionsSum } from '../sides/exclude.js';
import { connectSource } from '../source/connect-source.js';
import type { Source } from '../source/source.js';
import { openSpoolDir } from '../spool/spool-dir.js';
import { refuseIfComplete } from '../state/completion.js';
import { knownFidelity } from '../state/fidelity.js';
import { bootId } from '../state/identity/host.js';
import { removeInstance } from '../state/instance.js';
import { endedInFinalPass, leftOutTheSame } from '../state/journal/history.js';
import { appendLast, openJournal, readJournal } from '../state/journal/journal.js';
import { recordLastVerify } from '../state/last-run.js';
import { acquireLock } from '../state/lock/lock.js';
import { refuseAmongRoots } from '../trust/output-file.js';
import { createReportFile } from './report-file.js';
import { EXIT_OF, type VerifyEnd, verdict } from './verdict.js';
import { type Verified, verify } from './verify.js';

export type VerifyMigration = Destination<'verify'> & { user: User };

export interface VerifyOutcome {
  report: VerifyReport;
  end: VerifyEnd;
  /** For people: how it ended, in a sentence. */
  message: string;
}

export async function runVerify(migration: VerifyMigration, listener: Listener): Promise<VerifyOutcome> {
  const { settings, roots, instance } = migration;
  for (const text of [...settings.notes, ...(await askedInClear(settings))]) listener.emit({ type: 'warning', text });
  refuseIfComplete(instance.dir);
  refuseAbsent(migration);
  if (settings.report !== undefined) refuseAmongRoots('--report', settings.report, roots);
  const { says } = listener;
  const lock = await acquireLock(roots, { dir: instance.dir, command: 'lm verify', ...(says && { says }) });
  try {
    return await verifyRecorded(migration, listener);
  } finally {
    await lock.release();
  }
}

/** Records that began with this command would be a migration to choose from: they go again. */
function refuseAbsent({ absent, instance, isNew }: VerifyMigration): void {
  const [missing] = absent;
  if (!missing) return;
  if (isNew) removeInstance(instance);
  throw new LmError('refused', `${printable(missing.path)} does not exist: there is nothing to verify`, {
    hint: 'is its disk mounted? if nothing has been copied yet: lm copy',
  });
}

/** A run that is written down from its first line to its last, however it ends. */
async function verifyRecorded(migration: VerifyMigration, { emit: tell, signal }: Listener): Promise<VerifyOutcome> {
  const { settings, instance } = migration;
  const run = randomUUID();
  const journal = openJournal(instance.dir);
  const { algo: digestAlgorithm, url } = settings;
  const head = { run, source: url.origin, digestAlgorithm, at: new Date().toISOString() };
  const file = settings.report === undefined ? undefined : createReportFile(settings.report, head);
  const emit: Emit = (event) => {
    file?.emit(event);
    tell(event);
  };
  try {
    journal.append({ type: 'run-started', run, command: 'verify', boot: bootId(), source: url.origin });
    const verified = await verifyFrom(migration, run, { emit, signal });
    const { report } = verified;
    const history = readJournal(instance.dir);
    if (!endedInFinalPass(history)) report.beforeFinalPass = true;
    else if (!leftOutTheSame(history, verified.exclusions)) report.otherExclusions = true;
    if (report.otherExclusions) emit({ type: 'warning', text: OTHER_EXCLUSIONS });
    const { end, message } = verdict(verified);
    const exitCode = EXIT_OF[end];
    const ended = { type: 'verify-ended', report, exitCode, message } as const;
    file?.emit(ended);
    const { live, otherExclusions } = report;
    const limits = { ...(live && { live }), ...(otherExclusions && { otherExclusions }) };
    journal.append({ type: 'verify-ended', run, state: report.state, exitCode, ...limits });
    recordLastVerify(instance.dir, { endedMs: Date.now(), exitCode, message, report });
    tell(ended); // a pass is claimed once it is on record: without that, complete would refuse
    return { report, end, message };
  } catch (error) {
    const state = signal.aborted ? 'CANCELLED' : 'FAILED';
    appendLast(journal, { type: 'verify-ended', run, state, exitCode: exitCodeOf(error) });
    throw error;
  } finally {
    file?.close();
    journal.close();
  }
}

const OTHER_EXCLUSIONS =
  'lm complete will not take this verification: the exclusions, here or at the source, are not those of the last copy';

/** `exclusions`: as `exclusionsSum` has them. */
async function verifyFrom(
  migration: VerifyMigration,
  run: string,
  { emit, signal }: Listener,
): Promise<Verified & { exclusions: string | undefined }> {
  const { settings, roots, instance, user } = migration;
  emit({ type: 'run-started', run, command: 'verify', source: settings.url.origin, roots: [...roots] });
  tellSettingsFile(settings, emit);
  const spoolDir = openSpoolDir(instance.dir);
  const { path: spool } = spoolDir;
  const closed = isRoot(user) ? undefined : new ClosedDirectories(roots);
  const walker = createWalker();
  let source: Source | undefined;
  let owners: Owners | undefined;
  try {
    owners = await openOwners({ rules: settings.ownerRules, spool, emit });
    source = await connectSource({ ...(await addressOf(settings)), roots, spool, emit, signal });
    const { url } = source;
    refuseIfSourceComplete(source, 'it serves nothing any more; there, lm reset clears the record');
    const concurrency = concurrencyAt(source, settings.concurrency, emit);
    const before = await atWork(source, signal);
    let exclusions: string | undefined;
    const verified = await verify({
      run,
      source,
      roots,
      exclusions: settings.exclusions,
      without: settings.without,
      keepSetuid: settings.keepSetuid,
      yaml: settings.cassandra?.file,
      algorithm: settings.algo,
      concurrency,
      threads: Math.min(concurrency, Math.max(2, availableParallelism())),
      owners,
      fidelity: knownFidelity(instance.dir),
      closed,
      spool,
      walker,
      emit,
      signal,
      admit(header, mounts) {
        refuseOtherSides(migration, url, header, mounts);
        exclusions = exclusionsSum(settings.exclusions, header);
      },
    });
    const [who] = before.length > 0 ? before : await atWork(source, signal);
    if (who) {
      verified.report.live = true;
      emit({ type: 'warning', text: `lm complete will not take this verification, of a live source: ${who.text}` });
    }
    return { ...verified, exclusions };
  } finally {
    closed?.closeAgain(emit);
    owners?.close();
    spoolDir.remove();
    await source?.close();
    await walker.close();
  }
}

/** A Sidecar does not say. */
const atWork = async (source: Source, signal: AbortSignal): Promise<Unrest[]> => {
  const report = await source.openFiles?.(signal);
  return report ? presences(report) : [];
};
