// `lm verify`: guards first, then source, records, engine and renderer wired together. What is compared is pull/verify.ts's to say.

import { randomUUID } from 'node:crypto';
import { rmSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { geteuid } from 'node:process';
import { LmError, printable } from '../errors.js';
import type { Emit } from '../events.js';
import { EXIT, exitCodeOf } from '../exit-codes.js';
import type { ListingHeader } from '../files/entry.js';
import type { Io } from '../io.js';
import { ClosedDirectories } from '../pull/closed-directories.js';
import { connectSource } from '../pull/connect-source.js';
import type { Source } from '../pull/source.js';
import { PROBLEMS, type Verified, verify } from '../pull/verify.js';
import { createRenderer } from '../render/renderer.js';
import { createReportFile } from '../render/report-file.js';
import type { Stated } from '../settings/stated.js';
import { refuseIfComplete } from '../state/completion.js';
import { bootId } from '../state/host.js';
import { compareDestinations, compareSources, sourceIdentity } from '../state/identity.js';
import { destinationRoots, readIdentities } from '../state/identity-file.js';
import { appendLast, openJournal } from '../state/journal.js';
import { recordLastVerify } from '../state/last-run.js';
import { acquireLock } from '../state/lock.js';
import { createWalker } from '../wire/walk-lines.js';
import { concurrencyAt } from './concurrency.js';
import { addressOf, type Destination, openDestination } from './destination.js';

export async function run(stated: Stated, io: Io): Promise<number> {
  const destination = await openDestination('verify', stated, io);
  const { settings, roots, instance } = destination;
  const renderer = createRenderer({ ...settings, stdout: io.stdout, stderr: io.stderr, env: io.env });
  try {
    for (const text of settings.notes) renderer.emit({ type: 'warning', text });
    refuseIfComplete(instance.dir);
    refuseAbsent(destination);
    const lock = await acquireLock(roots, { dir: instance.dir, command: 'lm verify' });
    try {
      return await verifyUnderLock(destination, renderer.emit, io);
    } finally {
      await lock.release();
    }
  } finally {
    renderer.close();
  }
}

function refuseAbsent({ absent }: Destination<'verify'>): void {
  const [missing] = absent;
  if (!missing) return;
  throw new LmError('refused', `${printable(missing.path)} does not exist: there is nothing to verify`, {
    hint: 'is its disk mounted? if nothing has been copied yet: lm copy',
  });
}

/** A run that is written down from its first line to its last, however it ends. */
async function verifyUnderLock(destination: Destination<'verify'>, tell: Emit, io: Io): Promise<number> {
  const { settings, instance } = destination;
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
    const verified = await verifyFrom(destination, { run, emit }, io);
    const { report } = verified;
    const { exitCode, message } = verdict(verified);
    const ended = { type: 'verify-ended', report, exitCode, message } as const;
    file?.emit(ended);
    journal.append({ type: 'verify-ended', run, state: report.state, exitCode });
    recordLastVerify(instance.dir, { endedMs: Date.now(), exitCode, message, report });
    tell(ended); // a pass is claimed once it is on record: without that, complete would refuse
    return exitCode;
  } catch (error) {
    const state = io.signal.aborted ? 'CANCELLED' : 'FAILED';
    appendLast(journal, { type: 'verify-ended', run, state, exitCode: exitCodeOf(error) });
    throw error;
  } finally {
    file?.close();
    journal.close();
  }
}

async function verifyFrom(
  destination: Destination<'verify'>,
  { run, emit }: { run: string; emit: Emit },
  { signal, begun }: Io,
): Promise<Verified> {
  const { settings, roots, instance } = destination;
  begun?.(run);
  emit({ type: 'run-started', run, command: 'verify', source: settings.url.origin, roots: [...roots] });
  const spool = join(instance.dir, 'spool');
  const owners = geteuid!() === 0;
  const closed = owners ? undefined : new ClosedDirectories(roots);
  const walker = createWalker();
  let source: Source | undefined;
  try {
    source = await connectSource({ ...addressOf(settings), roots, spool: instance.dir, emit, signal });
    const { url } = source;
    refuseIfSourceComplete(source);
    const concurrency = concurrencyAt(source, settings.concurrency, emit);
    return await verify({
      run,
      source,
      roots,
      exclusions: settings.exclusions,
      algorithm: settings.algo,
      concurrency,
      threads: Math.min(concurrency, Math.max(2, availableParallelism())),
      owners,
      closed,
      spool,
      walker,
      emit,
      signal,
      admit: (header) => admit(destination, url, header),
    });
  } finally {
    closed?.closeAgain(emit);
    rmSync(spool, { recursive: true, force: true });
    await source?.close();
    await walker.close();
  }
}

function refuseIfSourceComplete({ url, firstStatus }: Source): void {
  if (firstStatus.state === 'NOT_COMPLETED') return;
  throw new LmError('refused', `the migration is already complete at the source, ${url}`, {
    hint: 'it serves nothing any more; there, lm reset clears the record',
  });
}

/** A proof against another source, or of another directory, would prove nothing about this migration. */
function admit({ instance, roots }: Destination<'verify'>, url: string, header: ListingHeader): void {
  const known = readIdentities(instance.dir);
  if (!known) return; // nothing was ever copied by lm
  const details = [
    ...compareSources(known.source, sourceIdentity(url, header)),
    ...compareDestinations(known.destination, destinationRoots(roots)),
  ];
  if (details.length === 0) return;
  throw new LmError('refused', 'these are not the source and the directories that were copied', {
    details,
    hint: 'is its disk mounted? if the change is meant, copy once with --new-source',
  });
}

function verdict({ report, unlisted }: Verified): { exitCode: number; message: string } {
  const problems = PROBLEMS.reduce((sum, counter) => sum + report[counter], 0);
  const { digestAlgorithm, metadataMatched, filesMatched } = report;
  if (problems > 0) {
    const message = `${problems} ${problems === 1 ? 'difference' : 'differences'}, ${filesMatched} files match by ${digestAlgorithm}`;
    return { exitCode: EXIT.differences, message };
  }
  if (unlisted > 0)
    return {
      exitCode: EXIT.refused,
      message: `the source could not list everything (${unlisted} unreadable), so nothing is proved; what it listed matches`,
    };
  return {
    exitCode: EXIT.ok,
    message: `all ${metadataMatched} entries match, ${filesMatched} files by ${digestAlgorithm}`,
  };
}
