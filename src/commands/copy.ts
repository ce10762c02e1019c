// `lm copy`: guards first, then source, records, engine and renderer wired together. How a pass goes is pull/copy.ts's to say.

import { randomUUID } from 'node:crypto';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { geteuid, umask } from 'node:process';
import { printable } from '../errors.js';
import type { Emit } from '../events.js';
import { EXIT, exitCodeOf } from '../exit-codes.js';
import type { Io } from '../io.js';
import { ClosedDirectories } from '../pull/closed-directories.js';
import { connectSource } from '../pull/connect-source.js';
import { type CopyEnd, copy } from '../pull/copy.js';
import { Disk, type DiskOptions } from '../pull/disk.js';
import { createLanes, type Lanes } from '../pull/lanes.js';
import type { Source } from '../pull/source.js';
import { formatShare } from '../render/quantities.js';
import { createRenderer } from '../render/renderer.js';
import type { CopyReport } from '../report.js';
import type { Stated } from '../settings/stated.js';
import { refuseIfComplete } from '../state/completion.js';
import { readJournal } from '../state/journal.js';
import { acquireLock } from '../state/lock.js';
import { partJournal } from '../state/part-journal.js';
import { createWalker } from '../wire/walk-lines.js';
import { type Backups, openBackups } from './backups.js';
import { concurrencyAt } from './concurrency.js';
import { type CopyRecord, openCopyRecord } from './copy-record.js';
import { createSteps } from './copy-steps.js';
import { addressOf, createRoots, type Destination, openDestination, originOf, withdraw } from './destination.js';
import { createServiceWatch } from './service-watch.js';
import { createSuspects } from './suspects.js';
import { createSyncPoints } from './sync-points.js';

export async function run(stated: Stated, io: Io): Promise<number> {
  const destination = await openDestination('copy', stated, io);
  const { settings, instance } = destination;
  const renderer = createRenderer({ ...settings, stdout: io.stdout, stderr: io.stderr, env: io.env });
  try {
    for (const text of settings.notes) renderer.emit({ type: 'warning', text });
    refuseIfComplete(instance.dir);
    const run = randomUUID();
    const backups = await openBackups(destination, run);
    if (!settings.dryRun) await createRoots(destination.absent);
    const lock = await acquireLock(present(destination), { dir: instance.dir, command: 'lm copy' });
    try {
      refuseIfComplete(instance.dir); // it may have been marked while the lock was waited for
      return await copyUnderLock(destination, { run, backups, emit: renderer.emit }, io);
    } finally {
      if (!settings.dryRun) withdraw(destination); // still locked: later, what is there may be another run's
      await lock.release();
    }
  } finally {
    renderer.close();
  }
}

/** A dry run makes no directory, and one that is not there needs no lock. */
const present = ({ roots, absent, settings }: Destination<'copy'>) =>
  settings.dryRun ? roots.filter((root) => !absent.includes(root)) : roots;

interface Run {
  run: string;
  backups: Backups | undefined;
  emit: Emit;
}

async function copyUnderLock(
  destination: Destination<'copy'>,
  { run, backups, emit: tell }: Run,
  io: Io,
): Promise<number> {
  const { settings, instance } = destination;
  const record = openCopyRecord(instance, run, settings.url.origin, settings.dryRun);
  const emit: Emit = (event) => {
    record.listen(event);
    tell(event);
  };
  try {
    const { report, end } = await copyFrom(destination, { run, backups, emit, record }, io);
    const { exitCode, message } = verdict(end, report);
    record.end(exitCode, message, report);
    emit({ type: 'copy-ended', report, exitCode, message });
    return exitCode;
  } catch (error) {
    record.fail(exitCodeOf(error));
    throw error;
  } finally {
    record.close();
  }
}

/** The engine between a source and this destination, stopped by a signal, by a guard, or by its own failure alike. */
async function copyFrom(
  destination: Destination<'copy'>,
  { run, backups, emit, record }: Run & { record: CopyRecord },
  io: Io,
): Promise<{ report: CopyReport; end: CopyEnd }> {
  const { settings, roots, instance } = destination;
  const { dryRun, only, threshold: successThreshold, maxIterations } = settings;
  const { journal, begin } = record;
  io.begun?.(run);
  emit({ type: 'run-started', run, command: 'copy', source: settings.url.origin, roots: [...roots] });
  const { signal, abort, release } = ownSignal(io.signal);
  const watch = createServiceWatch(settings, roots, { env: io.env, emit, signal });
  const address = addressOf(settings);
  const closed = geteuid!() === 0 ? undefined : new ClosedDirectories(roots);
  const options: DiskOptions = { owners: geteuid!() === 0, umask: umask() };
  let lanes: Lanes | undefined;
  const disk = new Disk(roots, options, (bytes) => lanes?.countKept(bytes));
  const spool = join(instance.dir, 'spool');
  const walker = createWalker(); // its thread starts while the guards look and undici is loaded
  let source: Source | undefined;
  try {
    await watch.check(0);
    source = await connectSource({ ...address, roots, spool, emit, signal });
    const { url: where, kind } = source;
    const concurrency = concurrencyAt(source, settings.concurrency, emit);
    const setup = { roots, disk: options, kind, origin: originOf(address), limitRate: settings.limitRate };
    lanes = createLanes(setup, concurrency, signal);
    const syncPoints = journal && createSyncPoints(roots, journal);
    const history = readJournal(instance.dir);
    const parts = partJournal(journal ?? { append() {} }, history.parts);
    const suspects = createSuspects(history, roots, Date.now());
    const home = io.env.HOME;
    const steps = createSteps(destination, {
      source,
      spool,
      disk,
      lanes,
      backups,
      parts,
      suspects,
      walker,
      closed,
      watch,
      syncPoints,
      begin,
      emit,
      signal,
      concurrency,
      home,
    });
    try {
      watch.start(abort);
      syncPoints?.start(lanes.received, abort);
      if (backups && !dryRun)
        emit({ type: 'settings', text: `what is removed or replaced is kept in ${printable(backups.into)}` });
      const copied = await copy(
        {
          run,
          source: where,
          maxIterations,
          successThreshold,
          maxConcurrency: concurrency,
          dryRun,
          ...(only !== undefined && { only }),
        },
        steps,
        { lanes, disk, journal: parts, closed, concurrency, where, emit, signal, abort },
      );
      if (backups && !dryRun) copied.report.backup = { dir: backups.into, ...lanes.kept() };
      return copied;
    } finally {
      watch.stop();
      await lanes.close();
      await syncPoints?.stop();
    }
  } catch (error) {
    throw signal.aborted ? signal.reason : error;
  } finally {
    release();
    disk.forgetDirectories();
    closed?.closeAgain(emit);
    rmSync(spool, { recursive: true, force: true });
    await source?.close();
    await walker.close();
  }
}

/** A signal the run itself can abort too; it follows the process's until it is released. */
function ownSignal(outer: AbortSignal): { signal: AbortSignal; abort(error: unknown): void; release(): void } {
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

const VERDICTS: Record<CopyEnd, { exitCode: number; say(ratio: string, asked: string): string }> = {
  success: { exitCode: EXIT.ok, say: (ratio, asked) => `${ratio} of the bytes match, ${asked} was asked for` },
  'below-threshold': {
    exitCode: EXIT.belowThreshold,
    say: (ratio, asked) =>
      ratio === formatShare(1)
        ? 'all bytes match, but not every entry with its mode, its owner and its link text; what was copied is kept'
        : `${ratio} of the bytes match, ${asked} was asked for; what was copied is kept`,
  },
  'incomplete-listing': {
    exitCode: EXIT.refused,
    say: (ratio) => `the source could not list everything, so nothing was removed; ${ratio} of what it listed matches`,
  },
};

function verdict(end: CopyEnd, { status, successThreshold }: CopyReport): { exitCode: number; message: string } {
  const { exitCode, say } = VERDICTS[end];
  return { exitCode, message: say(formatShare(status.at(-1)!.matchRatio), formatShare(successThreshold)) };
}
