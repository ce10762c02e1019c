// Carries out a plan with a queue and the workers: removals, directories, bytes, attributes. It counts, retries and stops.

import PQueue from 'p-queue';
import { formatCount } from '../amounts.js';
import type { Entry, EntryKey } from '../files/entry.js';
import { BUNDLE_BYTES, bigFirst, type Plan } from '../plan/plan.js';
import type { Iteration } from '../report/copy-report.js';
import { failureOfFault } from '../source/failure.js';
import { createRetrier } from '../source/retry.js';
import { readSlice, type Slice, type Spool } from '../spool/spool.js';
import { type BigFiles, createBigFiles, type FileTurn } from './big-files.js';
import { type BigFile, rangeBytesFor } from './parts.js';
import { reportProblem, type TransferContext } from './transfer-context.js';
import { type DiskOperation, noResult, type WorkerJob, type WorkerResult } from './worker-jobs.js';

type BundleJob = Extract<WorkerJob, { kind: 'bundle' }>;

/** Carries out one disk operation, slice after slice, because slices depend on the ones before. */
export async function operate(
  operation: DiskOperation,
  spool: Spool,
  context: TransferContext,
): Promise<WorkerResult['done']> {
  const done = { entries: 0, bytes: 0 };
  for (const slice of spool.slices) {
    context.signal.throwIfAborted();
    const result = await context.workers.run({ kind: operation, spool: spool.path, slice });
    done.entries += result.done.entries;
    done.bytes += result.done.bytes;
    for (const problem of result.problems) context.emit({ type: 'file-problem', ...problem });
  }
  return done;
}

/** Does DOWNLOADING, and counts in `pass` as files are published. Throws the signal's reason when the run is stopped. */
export async function download(plan: Plan, pass: Iteration, context: TransferContext): Promise<void> {
  const made = await operate('mkdir', plan.spools.mkdir, context);
  pass.filesDownloaded += made.entries;
  pass.downloadFailures += plan.spools.mkdir.slices.reduce((sum, s) => sum + s.entries, 0) - made.entries;
  const stopReporting = startProgress(plan, pass, context);
  try {
    await moveBytes(plan, pass, context);
  } finally {
    stopReporting();
  }
  await operate('fix', plan.spools.fix, context);
}

async function moveBytes(plan: Plan, pass: Iteration, context: TransferContext): Promise<void> {
  const { big, bundle } = plan.spools;
  const queue = new PQueue({ concurrency: context.concurrency });
  const files = createBigFiles(pass, context);
  const enqueue = async (work: () => Promise<void>): Promise<void> => {
    void queue.add(async () => {
      if (!context.signal.aborted) await work().catch(context.abort);
    });
    await queue.onSizeLessThan(1);
  };
  let bytesLeft = big.slices.reduce((sum, { bytes }) => sum + bytes, 0);
  const begin = (slice: Slice): BigFile => {
    const [[dir, [entry]]] = readSlice(big.path, slice) as [[EntryKey, [Entry]]];
    const unitBytes = rangeBytesFor(bytesLeft, context.concurrency);
    bytesLeft -= slice.bytes;
    return files.begin({ dir, entry }, unitBytes);
  };
  try {
    for (const unit of inTurn(bigFirst(big.slices), bundle.slices, context.workers.count, begin)) {
      if (context.signal.aborted) break;
      if ('file' in unit) await enqueue(() => files.moveNext(unit));
      else await enqueue(() => moveBundle({ kind: 'bundle', spool: bundle.path, ...unit }, files, pass, context));
    }
  } catch (error) {
    context.abort(error as Error); // otherwise the units under way would be stopped first, and that would become the reason
  }
  await queue.onIdle();
  files.close();
  context.signal.throwIfAborted();
}

type BundleUnit = { slice: Slice };

/**
 * Gives every worker a big file of its own, and bundles once there are no more: threads that write to one file wait for each other in the
 * kernel (an eighth of all time with four files over two workers). A file comes once for each of its units.
 */
export function* inTurn(
  files: readonly Slice[],
  bundles: readonly Slice[],
  workers: number,
  begin: (slice: Slice) => BigFile,
): Generator<FileTurn | BundleUnit> {
  const [nextFile, nextBundle] = [files.values(), bundles.values()];
  const own: (BigFile | undefined)[] = Array.from({ length: workers }, () => undefined);
  for (let idle = 0; idle < workers; ) {
    idle = 0;
    for (let worker = 0; worker < workers; worker++) {
      let file = own[worker];
      while (!file || file.remaining.length === 0) {
        const next = nextFile.next();
        if (next.done) break;
        file = own[worker] = begin(next.value);
      }
      const slice = file?.remaining.length ? undefined : nextBundle.next().value;
      if (file?.remaining.length) yield { file, worker };
      else if (slice) yield { slice };
      else idle++;
    }
  }
}

async function moveBundle(
  job: Pick<BundleJob, 'kind' | 'spool' | 'slice'>,
  files: BigFiles,
  pass: Iteration,
  context: TransferContext,
): Promise<void> {
  const result = await fetchBundle(job, files, context);
  pass.filesDownloaded += result.done.entries;
  pass.bytesDownloaded += result.done.bytes;
  for (const problem of result.problems) reportProblem(problem, pass, context);
}

/** Fetches a bundle, as much at once as the line allows; retries from the first unfinished file while the retry policy allows. */
async function fetchBundle(
  job: Pick<BundleJob, 'kind' | 'spool' | 'slice'>,
  files: BigFiles,
  context: TransferContext,
): Promise<WorkerResult> {
  const total = noResult();
  const take = ({ done, problems }: WorkerResult): void => {
    total.done.entries += done.entries;
    total.done.bytes += done.bytes;
    total.problems.push(...problems);
  };
  const retrier = createRetrier(context.source.retrying(formatCount(job.slice.entries, 'file'), context.signal));
  for (let from: number | undefined; ; ) {
    const maxBytes = Math.min(BUNDLE_BYTES, files.unitSize.bytes());
    const beganMs = performance.now();
    const result = await context.workers.run({ ...job, maxBytes, ...(from !== undefined && { from }) });
    files.unitSize.note(result.received, performance.now() - beganMs);
    take(result);
    if (result.proofs) context.received.rows(result.proofs);
    if (result.young.length > 0) {
      context.young.add(result.young); // recorded before a later run could rely on their times
      take(await context.workers.run({ kind: 'publish', files: result.young }));
    }
    if (result.oversized) await files.moveWhole(result.oversized);
    if (result.finished > (from ?? 0)) retrier.progressed();
    from = result.finished;
    if (result.fault) await retrier.failed(failureOfFault(result.fault, context.source.url));
    else if (!result.remaining) return total;
  }
}

const PROGRESS_MS = 250;

function startProgress(plan: Plan, pass: Iteration, { workers, source, emit }: TransferContext): () => void {
  const { download } = plan.counts;
  const directories = plan.spools.mkdir.slices.reduce((sum, { entries }) => sum + entries, 0);
  const receivedBefore = workers.received();
  const emitProgress = (): void => {
    const { bytesDone, filesDone } = workers.progress();
    const received = workers.received() - receivedBefore;
    if (received !== pass.bytesReceived) source.contact.progressed(performance.now());
    pass.bytesReceived = received;
    emit({
      type: 'progress',
      iteration: pass.iteration,
      doing: 'download',
      bytesDone: Math.min(download.bytes, bytesDone + pass.bytesReused),
      bytesTotal: download.bytes,
      bytesReused: pass.bytesReused,
      filesDone,
      filesTotal: download.entries - directories,
    });
  };
  workers.startCounting();
  const timer = setInterval(emitProgress, PROGRESS_MS);
  return () => {
    clearInterval(timer);
    emitProgress();
  };
}
