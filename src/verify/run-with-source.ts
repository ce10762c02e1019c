// Runs a verification against the source, between its lock and its records.

import { availableParallelism } from 'node:os';
import { BLOCK_DIGEST, type FileAlgorithm } from '../digest/digest.js';
import { InaccessibleDirectories } from '../disk/inaccessible-directories.js';
import { LmError, printable } from '../errors.js';
import type { Emit } from '../events.js';
import { isStop } from '../exit-codes.js';
import type { Roots } from '../files/roots.js';
import { type Activity, activitiesIn } from '../guards/at-rest.js';
import { findOpenFiles } from '../linux/open-files.js';
import { createWalker } from '../listing/walk-lines.js';
import { addressOf } from '../migration/address.js';
import { concurrencyAt } from '../migration/concurrency.js';
import { refuseIfSourceComplete, refuseOtherSides, snapshotError } from '../migration/known-sides.js';
import { type Owners, openOwners } from '../migration/owners.js';
import { paceWishes, warnOfPace } from '../migration/reading-pace.js';
import { isRoot } from '../migration/user.js';
import { startLocalPace } from '../pace/local-pace.js';
import { reportSettingsFile } from '../settings/settings-file.js';
import { sourceName } from '../settings/values/source-url.js';
import { exclusionsSum } from '../sides/exclude.js';
import type { LocalMounts } from '../sides/listings.js';
import { connectSource } from '../source/connect-source.js';
import type { Source } from '../source/source.js';
import { openSpoolDir } from '../spool/spool-dir.js';
import type { ManifestEvidence } from '../state/evidence/records.js';
import { knownFidelity } from '../state/fidelity.js';
import { readJournal } from '../state/journal/journal.js';
import { type KeptDigests, keepDigests } from './kept-digests.js';
import { Proofs } from './proofs.js';
import { admitRepair, createRepairing } from './repair/repairing.js';
import type { Running, VerifyMigration } from './run-offline.js';
import { type Verified, verify } from './verify.js';

/** A service that runs here may be why the two sides differ, and `lm copy`, which is advised then, refuses while it does. */
async function warnOfService(roots: Roots, emit: Emit): Promise<void> {
  const { holders } = await findOpenFiles(roots.map(({ path }) => path));
  const [first] = holders;
  if (!first) return;
  const who = `${printable(first.command)} (pid ${first.pid}) has ${printable(first.path)} open`;
  emit({ type: 'warning', text: `the destination is in use, which may be why it differs: ${who}`, hint: STOP_FIRST });
}

const STOP_FIRST = 'stop the service here before anything is copied or verified again';

/** `exclusions`: as `exclusionsSum` returns them. */
export type FromSource = Verified & { exclusions?: string | undefined; manifest?: ManifestEvidence | undefined };

export async function verifyFrom(
  migration: VerifyMigration,
  run: string,
  { emit, signal, journal, limit, began }: Running,
): Promise<FromSource> {
  const { settings, roots, instance, user } = migration;
  emit({ type: 'run-started', run, command: 'verify', source: sourceName(settings.url), roots: [...roots] });
  reportSettingsFile(settings, emit);
  limit.start(emit);
  const watch = settings.repair ? await admitRepair(migration, emit, signal) : undefined;
  const spoolDir = openSpoolDir(instance.dir);
  const { path: spool } = spoolDir;
  const inaccessible = isRoot(user) ? undefined : new InaccessibleDirectories(roots);
  const walker = createWalker();
  const wishes = paceWishes(limit.live, settings);
  const pace = startLocalPace(wishes);
  let source: Source | undefined;
  let owners: Owners | undefined;
  let kept: KeptDigests | undefined;
  try {
    owners = await openOwners({ rules: settings.ownerRules, spool, emit });
    source = await connectSource({ ...(await addressOf(settings)), roots, spool, emit, signal, pace: wishes });
    warnOfPace(wishes, source, pace, emit);
    const { url } = source;
    refuseIfSourceComplete(source);
    const concurrency = concurrencyAt(source, settings.concurrency, emit);
    const { live, incremental, repair } = settings;
    const isSnapshot = source.snapshot !== undefined;
    if (isSnapshot && (incremental || repair))
      throw snapshotError(source, repair ? 'a repair' : 'lm verify --incremental');
    if (incremental && source.kind !== 'lm') throw notByLedger(url);
    const before = live ? [] : await activityAt(source, signal);
    let exclusions: string | undefined;
    const { dir } = instance;
    const algorithm = algorithmOf(settings);
    kept = keepDigests({ ...{ dir, spool, roots, emit }, algorithm });
    const proofs = source.kind === 'lm' && !isSnapshot ? proofsOf(migration, { spool, emit }) : undefined;
    const threads = Math.min(concurrency, Math.max(2, availableParallelism()));
    let localMounts: LocalMounts | undefined;
    const repairing =
      watch &&
      createRepairing(migration, watch, {
        ...{ source, algorithm, threads, pace, limit: limit.live, journal, owners, inaccessible, proofs, signal },
        mounts: () => localMounts!,
        digested: kept?.take,
      });
    const verified = await verify({
      run,
      source,
      roots,
      exclusions: settings.exclusions,
      without: settings.without,
      keepSetuid: settings.keepSetuid,
      yaml: settings.cassandra?.file,
      algorithm,
      proofs,
      sstables: settings.sstables,
      live,
      pace,
      concurrency,
      threads,
      repairing,
      owners,
      fidelity: knownFidelity(instance.dir),
      inaccessible,
      spool,
      walker,
      emit,
      signal,
      began,
      kept,
      admit(header, mounts) {
        refuseOtherSides(migration, url, header, mounts);
        localMounts = mounts;
        exclusions = exclusionsSum(settings.exclusions, header);
      },
    });
    if (isSnapshot) {
      verified.report.live = true;
      emit({
        type: 'warning',
        text: `lm complete will not take this verification, of a snapshot of ${source.snapshot}`,
      });
    }
    const [who] = before.length > 0 || live ? before : await activityAt(source, signal);
    if (who && !isSnapshot) {
      verified.report.live = true;
      emit({ type: 'warning', text: `lm complete will not take this verification, of a live source: ${who.text}` });
    }
    if (verified.report.state === 'FAILED') await warnOfService(roots, emit);
    return { ...verified, exclusions, manifest: kept?.finish(verified) };
  } catch (error) {
    throw source?.kind === 'lm' ? withWayOn(error, settings) : error;
  } finally {
    inaccessible?.restoreModes(emit);
    owners?.close();
    kept?.close();
    spoolDir.remove();
    pace.close();
    await source?.close();
    await walker.close();
  }
}

/** Tells whoever interrupted it how to go on. */
const withWayOn = (error: unknown, { repair }: VerifyMigration['settings']): unknown =>
  error instanceof LmError && isStop(error)
    ? new LmError(error.kind, error.message, {
        cause: error,
        hint: `lm verify --incremental${repair ? ' --repair' : ''} goes on from here: what was read and found equal is not read again`,
      })
    : error;

const notByLedger = (url: string): LmError =>
  new LmError('no-proof', `${url} is a Sidecar, which cannot tell which of its files an earlier read has proved`, {
    hint: 'lm verify without --incremental reads all of them',
  });

function proofsOf({ settings, instance }: VerifyMigration, { spool, emit }: { spool: string; emit: Emit }): Proofs {
  const { dir } = instance;
  const { incremental, live, repair } = settings;
  const note = (text: string): void => emit({ type: 'warning', text });
  return new Proofs({ ...{ dir, spool, incremental, live, repairs: repair, note }, history: readJournal(dir) });
}

/** The activity at the source; none for a Sidecar, which does not report it. */
const activityAt = async (source: Source, signal: AbortSignal): Promise<Activity[]> => {
  const report = await source.openFiles?.(signal);
  return report ? activitiesIn(report) : [];
};

export const algorithmOf = ({ incremental, offline, algo }: VerifyMigration['settings']): FileAlgorithm =>
  incremental || offline ? BLOCK_DIGEST : algo;
