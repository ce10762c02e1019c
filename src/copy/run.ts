// Runs one copy, from its lock to its last record. The migration is given as plain data, without arguments, streams or the process: a
// command, a task of an agent and a test call it in the same way, and one process may run several at once.

import { randomUUID } from 'node:crypto';
import { InaccessibleDirectories } from '../disk/inaccessible-directories.js';
import { printable } from '../errors.js';
import type { Emit } from '../events.js';
import type { EntryKey } from '../files/entry.js';
import { Fidelity } from '../linux/fidelity.js';
import { createWalker, type Walker } from '../listing/walk-lines.js';
import { addressOf } from '../migration/address.js';
import { concurrencyAt } from '../migration/concurrency.js';
import { createRoots, discardTemporary, undoCreation } from '../migration/destination.js';
import { type Objection, refusing, reporting } from '../migration/guards/objections.js';
import { createServiceWatch, type ServiceWatch } from '../migration/guards/service-watch.js';
import { createRunLimit, type RunLimit } from '../migration/limit/run-limit.js';
import type { Listener } from '../migration/listener.js';
import { type Owners, openOwners } from '../migration/owners.js';
import { runPostCheck } from '../migration/post-check.js';
import { warnOfPace } from '../migration/reading-pace.js';
import { isRoot } from '../migration/user.js';
import type { LiveLimit } from '../pace/live-limit.js';
import { ChangedFiles } from '../plan/hot-files.js';
import type { CopyReport } from '../report/copy-report.js';
import { plaintextSourceWarnings } from '../settings/plaintext.js';
import { reportSettingsFile } from '../settings/settings-file.js';
import { sourceName } from '../settings/values/source-url.js';
import { connectSource } from '../source/connect-source.js';
import type { Source } from '../source/source.js';
import { openSpoolDir, openTemporarySpoolDir } from '../spool/spool-dir.js';
import { refuseIfComplete } from '../state/completion.js';
import { openEvidence } from '../state/evidence/recorder.js';
import { readFidelity } from '../state/fidelity.js';
import { readJournal } from '../state/journal/journal.js';
import { createPartJournal } from '../state/journal/part-journal.js';
import { acquireLock } from '../state/lock/lock.js';
import { type Backups, openBackups } from './backup-dirs.js';
import type { CopyMigration } from './copy-migration.js';
import { createProofs } from './files/proofs.js';
import { createSnapshotFiles } from './files/snapshot-files.js';
import { createUnsyncedFiles } from './files/unsynced-files.js';
import { createYoungFiles } from './files/young-files.js';
import { createForecasts } from './forecasts.js';
import { createGuards, isFinal } from './guards/guards.js';
import { refuseUnknownRoot } from './guards/selection.js';
import { copyInPasses } from './loop.js';
import { type CopyRecord, openCopyRecord } from './record.js';
import { createSurveys } from './survey.js';
import { type CopyEnd, EXIT_OF, verdict } from './verdict.js';
import { createWriters, type Writers } from './writers.js';

interface CopyOutcome {
  report: CopyReport;
  end: CopyEnd;
  /** For people: how it ended, in a sentence. */
  message: string;
}

export interface RunningCopy {
  /** A copy of the report as it is now, with the pass that runs. Also after the copy has ended or failed. */
  report(): CopyReport;
  /** Rejects with what stopped it, once nothing of it runs any more. */
  done: Promise<CopyOutcome>;
}

export function startCopy(migration: CopyMigration, listener: Listener): RunningCopy {
  const report = beginReport(migration);
  const { signal, abort, release } = ownSignal(listener.signal);
  const done = copyLocked(migration, { ...listener, report, signal, abort }).finally(release);
  return { report: () => structuredClone(report), done };
}

interface Started extends Listener {
  report: CopyReport;
  /** Aborts `signal`. */
  abort(error: Error): void;
}

/** Returns the signal of the run. The caller's signal aborts it, and so may a guard, a timer or a thread of the run. */
function ownSignal(outer: AbortSignal): { signal: AbortSignal; abort(error: Error): void; release(): void } {
  const controller = new AbortController();
  const follow = (): void => controller.abort(outer.reason);
  if (outer.aborted) follow();
  outer.addEventListener('abort', follow);
  return {
    signal: controller.signal,
    abort: (error) => controller.abort(error),
    release: () => outer.removeEventListener('abort', follow),
  };
}

function beginReport({ settings }: CopyMigration): CopyReport {
  const { url, maxIterations, threshold, maxDowntimeMs, concurrency, dryRun, only, without } = settings;
  return {
    run: randomUUID(),
    source: sourceName(url),
    maxIterations,
    successThreshold: threshold,
    ...(maxDowntimeMs !== undefined && { maxDowntimeMs }),
    maxConcurrency: concurrency,
    dryRun,
    ...(only !== undefined && { only }),
    ...(without.length > 0 && { without }),
    status: [],
  };
}

/** Creates missing roots and holds the lock during the copy. No other function creates a root, or removes one that it created. */
async function copyLocked(migration: CopyMigration, started: Started): Promise<CopyOutcome> {
  const { settings, roots, absent, instance } = migration;
  const { dryRun } = settings;
  try {
    refuseUnknownRoot(settings.only, roots);
    for (const text of [...settings.notes, ...(await plaintextSourceWarnings(settings))])
      started.emit({ type: 'warning', text });
    refuseIfComplete(instance.dir);
    const backups = await openBackups(migration, started.report.run);
    if (!dryRun) await createRoots(absent);
    const existing = dryRun ? roots.filter((root) => !absent.includes(root)) : roots; // a missing root needs no lock
    const { command = 'lm copy' } = started;
    const dir = dryRun ? undefined : instance.dir;
    const runLimit = createRunLimit(settings.limitRate, started.report.run, dir);
    const status = (): object => ({ ...started.status?.(), ...runLimit.status() });
    const lock = await acquireLock(existing, { dir, command, status });
    try {
      refuseIfComplete(instance.dir); // another command may have completed it before this one had the lock
      return await copyRecorded(migration, { ...started, backups, runLimit });
    } finally {
      if (!dryRun) undoCreation(migration); // still locked: later, what is there may be another run's
      runLimit.stop();
      await lock.release();
    }
  } finally {
    discardTemporary(migration);
  }
}

interface Locked extends Started {
  runLimit: RunLimit;
  backups: Backups | undefined;
}

/** Writes into the record how the copy ended, whatever ended it; a dry run has no record. */
async function copyRecorded(migration: CopyMigration, locked: Locked): Promise<CopyOutcome> {
  const { settings, instance } = migration;
  const { report, signal } = locked;
  const record = settings.dryRun ? undefined : openCopyRecord(instance, report.run, report.source);
  const about = { run: report.run, command: 'copy', settings: settings.stated, warn: locked.emit } as const;
  const evidence = settings.dryRun ? undefined : openEvidence(instance, about);
  const emit: Emit = (event) => {
    record?.listen(event);
    evidence?.listen(event);
    locked.emit(event);
  };
  try {
    const reached = await copyFrom(migration, { ...locked, emit, record });
    record?.end(reached, verdict(reached, report), report); // before the post-check, which takes nothing of it back
    const end = await checkAfterwards(reached, migration, { ...locked, emit, record });
    const message = verdict(end, report);
    if (report.postCheck) record?.checked(end, message, report);
    const ended = { type: 'copy-ended', report, exitCode: EXIT_OF[end], message } as const;
    evidence?.listen(ended);
    const downtime = reached === 'success' && isFinal(settings) ? evidence?.downtime() : undefined;
    locked.emit({ ...ended, ...(downtime && { downtime }) });
    return { report, end, message };
  } catch (error) {
    const why = signal.aborted ? signal.reason : error; // a run that is aborted may fail with any error
    record?.fail(why);
    evidence?.fail(why);
    throw why;
  } finally {
    record?.close();
  }
}

interface Recorded extends Locked {
  record: CopyRecord | undefined;
}

/** Runs the post-check on a copy that has succeeded; a dry run only says that there is one. */
async function checkAfterwards(reached: CopyEnd, migration: CopyMigration, recorded: Recorded): Promise<CopyEnd> {
  const { settings } = migration;
  const { postCheck, threshold } = settings;
  const { report, record, emit, signal } = recorded;
  if (postCheck === undefined || reached !== 'success') return reached;
  if (!record) {
    emit({ type: 'settings', text: `the post-check is not run, as this is a dry run: ${printable(postCheck)}` });
    return reached;
  }
  const { iteration } = report.status.at(-1)!;
  const about = { run: report.run, what: 'the copy', iteration, threshold, journal: record.journal };
  report.postCheck = await runPostCheck({
    ...{ ...migration, ...about, emit, signal },
    settings: { ...settings, postCheck },
  });
  return report.postCheck.exitCode === 0 ? reached : 'post-check';
}

/** Checks that the service is stopped, and connects to the source; closes whatever was opened for the run. */
async function copyFrom(migration: CopyMigration, recorded: Recorded): Promise<CopyEnd> {
  const { settings, roots, instance, user } = migration;
  const { report, record, runLimit, emit, signal } = recorded;
  emit({ type: 'run-started', run: report.run, command: 'copy', source: report.source, roots: [...roots] });
  reportSettingsFile(settings, emit);
  runLimit.start(emit);
  const refuses: string[] = [];
  const object = record ? refusing : reporting(emit, refuses);
  const watch = createServiceWatch(settings, roots, { env: user.env, emit, signal, object });
  const address = await addressOf(settings);
  const inaccessible = isRoot(user) ? undefined : new InaccessibleDirectories(roots);
  const fidelity = new Fidelity(readFidelity(instance.dir));
  const spoolDir = settings.dryRun ? openTemporarySpoolDir() : openSpoolDir(instance.dir);
  const { path: spool } = spoolDir;
  const walker = createWalker(); // its thread starts while the guards check and undici is loaded
  let source: Source | undefined;
  let owners: Owners | undefined;
  try {
    owners = await openOwners({ rules: settings.ownerRules, spool, emit });
    await watch.check(0);
    const pace = { limit: runLimit.live };
    source = await connectSource({ ...address, roots, spool, emit, signal, pace });
    if (settings.diff === 'checksum') warnOfPace(pace, source, undefined, emit);
    const here = { ...pace, spool, walker, inaccessible, fidelity, owners };
    const end = await copyConnected(migration, { ...recorded, ...here, source, watch, object });
    if (report.wouldDo) report.wouldDo.refuses = refuses;
    return end;
  } finally {
    inaccessible?.restoreModes(emit);
    owners?.close();
    spoolDir.remove();
    await source?.close();
    await walker.close();
  }
}

interface Connected extends Recorded {
  limit: LiveLimit;
  source: Source;
  watch: ServiceWatch;
  object: Objection;
  fidelity: Fidelity;
  owners: Owners;
  spool: string;
  walker: Walker;
  inaccessible: InaccessibleDirectories | undefined;
}

/** Creates what the passes need, from the records that earlier runs have left. */
async function copyConnected(migration: CopyMigration, connected: Connected): Promise<CopyEnd> {
  const { settings, roots, instance } = migration;
  const { report, source, backups, record, watch, fidelity, emit, abort } = connected;
  const { run } = report;
  const concurrency = concurrencyAt(source, settings.concurrency, emit);
  report.source = source.url;
  report.maxConcurrency = concurrency;
  const history = readJournal(instance.dir);
  const parts = createPartJournal(record?.journal, history.parts);
  const isPart = (key: EntryKey): boolean => parts.known(key) !== undefined;
  const young = createYoungFiles(record?.journal, history, { roots, isPart, emit });
  const changed = new ChangedFiles();
  const { spool } = connected;
  const proofs = createProofs({ dir: instance.dir, spool, emit, dryRun: settings.dryRun });
  const unsynced = createUnsyncedFiles(history, roots, Date.now());
  const fromSnapshot = createSnapshotFiles(source, history, { journal: record?.journal, emit });
  const writers =
    record && createWriters(migration, { ...connected, record, concurrency, parts, young, proofs, changed });
  try {
    const guards = createGuards(migration, { ...connected, run, history });
    const known = { fidelity, young, unsynced, fromSnapshot, changed, proofs, partOf: parts.known };
    const surveys = createSurveys({ ...connected, migration, sourceGuard: guards.source, known });
    if (writers) startWatches(writers, watch, abort, emit);
    const forecasts = createForecasts(migration, { source, report, emit });
    const passes = { ...connected, migration, guards, surveys, young, fromSnapshot, proofs, forecasts, writers };
    const end = await copyInPasses(passes, report);
    await proofs.mergeIfLong();
    if (record) record.exclusions = surveys.exclusions();
    if (writers && backups) report.backup = { dir: backups.into, ...writers.transfer.workers.backedUp() };
    return end;
  } finally {
    watch.stop();
    await writers?.close();
    proofs.close();
  }
}

/** Starts what runs beside the passes of a copy that writes. */
function startWatches(
  { backups, syncPoints, transfer }: Writers,
  watch: ServiceWatch,
  abort: (error: Error) => void,
  emit: Emit,
): void {
  watch.start(abort);
  syncPoints.start(transfer.workers.received, abort);
  if (backups) emit({ type: 'settings', text: `what is removed or replaced is kept in ${printable(backups.into)}` });
}
