// One copy, from its lock to its last record, of a migration that is given as plain data. Knows no argument, stream or process: a command,
// a task of an agent and a test call it alike, and several may run beside each other in one process.

import { randomUUID } from 'node:crypto';
import { ClosedDirectories } from '../disk/closed-directories.js';
import { printable } from '../errors.js';
import type { Emit } from '../events.js';
import type { EntryKey } from '../files/entry.js';
import { Fidelity } from '../linux/fidelity.js';
import { createWalker, type Walker } from '../listing/walk-lines.js';
import { addressOf } from '../migration/address.js';
import { concurrencyAt } from '../migration/concurrency.js';
import { createRoots, discardPassing, withdraw } from '../migration/destination.js';
import type { Listener } from '../migration/listener.js';
import { type Owners, openOwners } from '../migration/owners.js';
import { isRoot } from '../migration/user.js';
import { ChangedFiles } from '../plan/hot-files.js';
import type { CopyReport } from '../report.js';
import { askedInClear } from '../settings/in-clear.js';
import { tellSettingsFile } from '../settings/settings-file.js';
import { connectSource } from '../source/connect-source.js';
import type { Source } from '../source/source.js';
import { openPassingSpoolDir, openSpoolDir } from '../spool/spool-dir.js';
import { refuseIfComplete } from '../state/completion.js';
import { readFidelity } from '../state/fidelity.js';
import { readJournal } from '../state/journal/journal.js';
import { partJournal } from '../state/journal/part-journal.js';
import { acquireLock } from '../state/lock/lock.js';
import { type Backups, openBackups } from './backup-dirs.js';
import type { CopyMigration } from './copy-migration.js';
import { createSuspects } from './files/unsynced-files.js';
import { createYoungFiles } from './files/young-files.js';
import { createGuards } from './guards/guards.js';
import { type Objection, refusing, telling } from './guards/objections.js';
import { refuseUnknownRoot } from './guards/selection.js';
import { createServiceWatch, type ServiceWatch } from './guards/service-watch.js';
import { copyInPasses } from './loop.js';
import { type CopyRecord, openCopyRecord } from './record.js';
import { createSurveyor } from './surveyor.js';
import { type CopyEnd, EXIT_OF, verdict } from './verdict.js';
import { createWriters, type Writers } from './writers.js';

export interface CopyOutcome {
  report: CopyReport;
  end: CopyEnd;
  /** For people: how it ended, in a sentence. */
  message: string;
}

export interface RunningCopy {
  /** The report as it is now, with the pass that runs; the caller's own. Also of a copy that has ended, or failed. */
  report(): CopyReport;
  /** Rejects with what stopped it, as soon as nothing of it is left running. */
  done: Promise<CopyOutcome>;
}

export const runCopy = (migration: CopyMigration, listener: Listener): Promise<CopyOutcome> =>
  startCopy(migration, listener).done;

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

/** A guard, a timer or a thread of the run stops it just as its caller does: by this signal, which follows the caller's. */
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
  const { url, maxIterations, threshold, concurrency, dryRun, only, without } = settings;
  return {
    run: randomUUID(),
    source: url.origin,
    maxIterations,
    successThreshold: threshold,
    maxConcurrency: concurrency,
    dryRun,
    ...(only !== undefined && { only }),
    ...(without.length > 0 && { without }),
    status: [],
  };
}

/** Only here may a root be made, or taken away again. */
async function copyLocked(migration: CopyMigration, started: Started): Promise<CopyOutcome> {
  const { settings, roots, absent, instance } = migration;
  const { dryRun } = settings;
  try {
    refuseUnknownRoot(settings.only, roots);
    for (const text of [...settings.notes, ...(await askedInClear(settings))]) started.emit({ type: 'warning', text });
    refuseIfComplete(instance.dir);
    const backups = await openBackups(migration, started.report.run);
    if (!dryRun) await createRoots(absent);
    const there = dryRun ? roots.filter((root) => !absent.includes(root)) : roots; // what is not there needs no lock
    const { says } = started;
    const dir = dryRun ? undefined : instance.dir;
    const lock = await acquireLock(there, { dir, command: 'lm copy', ...(says && { says }) });
    try {
      refuseIfComplete(instance.dir); // it may have been marked while the lock was waited for
      return await copyRecorded(migration, { ...started, backups });
    } finally {
      if (!dryRun) withdraw(migration); // still locked: later, what is there may be another run's
      await lock.release();
    }
  } finally {
    discardPassing(migration);
  }
}

interface Locked extends Started {
  backups: Backups | undefined;
}

/** However it ends, the record says so; a dry run has none. */
async function copyRecorded(migration: CopyMigration, locked: Locked): Promise<CopyOutcome> {
  const { settings, instance } = migration;
  const { report, signal } = locked;
  const record = settings.dryRun ? undefined : openCopyRecord(instance, report.run, settings.url.origin);
  const emit: Emit = (event) => {
    record?.listen(event);
    locked.emit(event);
  };
  try {
    const end = await copyFrom(migration, { ...locked, emit, record });
    const message = verdict(end, report);
    record?.end(end, message, report);
    emit({ type: 'copy-ended', report, exitCode: EXIT_OF[end], message });
    return { report, end, message };
  } catch (error) {
    const why = signal.aborted ? signal.reason : error; // what was stopped fails in many ways
    record?.fail(why);
    throw why;
  } finally {
    record?.close();
  }
}

interface Recorded extends Locked {
  record: CopyRecord | undefined;
}

/** Looks whether the service is stopped, and connects; whatever has been opened for the run is closed again. */
async function copyFrom(migration: CopyMigration, recorded: Recorded): Promise<CopyEnd> {
  const { settings, roots, instance, user } = migration;
  const { report, record, emit, signal } = recorded;
  emit({ type: 'run-started', run: report.run, command: 'copy', source: settings.url.origin, roots: [...roots] });
  tellSettingsFile(settings, emit);
  const refuses: string[] = [];
  const object = record ? refusing : telling(emit, refuses);
  const watch = createServiceWatch(settings, roots, { env: user.env, emit, signal, object });
  const address = await addressOf(settings);
  const closed = isRoot(user) ? undefined : new ClosedDirectories(roots);
  const fidelity = new Fidelity(readFidelity(instance.dir));
  const spoolDir = settings.dryRun ? openPassingSpoolDir() : openSpoolDir(instance.dir);
  const { path: spool } = spoolDir;
  const walker = createWalker(); // its thread starts while the guards look and undici is loaded
  let source: Source | undefined;
  let owners: Owners | undefined;
  try {
    owners = await openOwners({ rules: settings.ownerRules, spool, emit });
    await watch.check(0);
    source = await connectSource({ ...address, roots, spool, emit, signal });
    const here = { spool, walker, closed, fidelity, owners };
    const end = await copyConnected(migration, { ...recorded, ...here, source, watch, object });
    if (report.wouldDo) report.wouldDo.refuses = refuses;
    return end;
  } finally {
    closed?.closeAgain(emit);
    owners?.close();
    spoolDir.remove();
    await source?.close();
    await walker.close();
  }
}

interface Connected extends Recorded {
  source: Source;
  watch: ServiceWatch;
  object: Objection;
  fidelity: Fidelity;
  owners: Owners;
  spool: string;
  walker: Walker;
  closed: ClosedDirectories | undefined;
}

/** Puts together what the passes need, by what earlier runs have left on record. */
async function copyConnected(migration: CopyMigration, connected: Connected): Promise<CopyEnd> {
  const { settings, roots, instance } = migration;
  const { report, source, backups, record, watch, fidelity, emit, abort } = connected;
  const { run } = report;
  const concurrency = concurrencyAt(source, settings.concurrency, emit);
  report.source = source.url;
  report.maxConcurrency = concurrency;
  const history = readJournal(instance.dir);
  const parts = partJournal(record?.journal, history.parts);
  const isPart = (key: EntryKey): boolean => parts.known(key) !== undefined;
  const young = createYoungFiles(record?.journal, history, { roots, isPart, emit });
  const changed = new ChangedFiles();
  const suspects = createSuspects(history, roots, Date.now());
  const writers = record && createWriters(migration, { ...connected, record, concurrency, parts, young, changed });
  try {
    const guards = createGuards(migration, { ...connected, run, history });
    const known = { fidelity, young, suspects, changed, partOf: parts.known, hasParts: history.parts.size > 0 };
    const surveyor = createSurveyor({ ...connected, migration, sourceGuard: guards.source, known });
    if (writers) watchOn(writers, watch, abort, emit);
    const end = await copyInPasses({ ...connected, migration, guards, surveyor, young, writers }, report);
    if (record) record.exclusions = surveyor.exclusions();
    if (writers && backups) report.backup = { dir: backups.into, ...writers.transfer.lanes.kept() };
    return end;
  } finally {
    watch.stop();
    await writers?.close();
  }
}

/** What goes on beside the passes of a copy that writes. */
function watchOn(
  { backups, syncPoints, transfer }: Writers,
  watch: ServiceWatch,
  abort: (error: Error) => void,
  emit: Emit,
): void {
  watch.start(abort);
  syncPoints.start(transfer.lanes.received, abort);
  if (backups) emit({ type: 'settings', text: `what is removed or replaced is kept in ${printable(backups.into)}` });
}
