// A plan through the queue and the lanes: removals, directories, bytes, attributes. Counts, retries and stops; writes only big files' parts.

import PQueue from 'p-queue';
import { formatCount } from '../amounts.js';
import type { Entry, EntryKey } from '../files/entry.js';
import { BUNDLE_BYTES, bigFirst, type Plan } from '../plan/plan.js';
import type { Iteration } from '../report.js';
import { failureOfFault } from '../source/failure.js';
import { createRetrier } from '../source/retry.js';
import { readSlice, type Slice, type Spool } from '../spool/spool.js';
import { type BigFiles, createBigFiles, type FileTurn } from './big-files.js';
import { type Deed, empty, type LaneJob, type LaneResult } from './lane-jobs.js';
import { type BigFile, rangeBytesFor } from './parts.js';
import { report, type TransferContext } from './transfer-context.js';

type BundleJob = Extract<LaneJob, { kind: 'bundle' }>;

/** Carries out one kind of disk work, slice after slice: what the slices hold depends on their order. */
export async function carryOut(deed: Deed, spool: Spool, context: TransferContext): Promise<LaneResult['done']> {
  const done = { entries: 0, bytes: 0 };
  for (const slice of spool.slices) {
    context.signal.throwIfAborted();
    const result = await context.lanes.run({ kind: deed, spool: spool.path, slice });
    done.entries += result.done.entries;
    done.bytes += result.done.bytes;
    for (const problem of result.problems) context.emit({ type: 'file-problem', ...problem });
  }
  return done;
}

/** DOWNLOADING: fills in the counters of `iteration` as files are published. Throws the signal's reason when the run is stopped. */
export async function download(plan: Plan, iteration: Iteration, context: TransferContext): Promise<void> {
  const made = await carryOut('mkdir', plan.spools.mkdir, context);
  iteration.filesDownloaded += made.entries;
  iteration.downloadFailures += plan.spools.mkdir.slices.reduce((sum, s) => sum + s.entries, 0) - made.entries;
  const stopTelling = tellProgress(plan, iteration, context);
  try {
    await moveBytes(plan, iteration, context);
  } finally {
    stopTelling();
  }
  await carryOut('fix', plan.spools.fix, context);
}

async function moveBytes(plan: Plan, iteration: Iteration, context: TransferContext): Promise<void> {
  const { big, bundle } = plan.spools;
  const queue = new PQueue({ concurrency: context.concurrency });
  const files = createBigFiles(iteration, context);
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
    for (const unit of inTurn(bigFirst(big.slices), bundle.slices, context.lanes.count, begin)) {
      if (context.signal.aborted) break;
      if ('file' in unit) await enqueue(() => files.moveNext(unit));
      else await enqueue(() => moveBundle({ kind: 'bundle', spool: bundle.path, ...unit }, files, iteration, context));
    }
  } catch (error) {
    context.abort(error as Error); // else what is under way would be stopped first, and give that for the reason
  }
  await queue.onIdle();
  files.close();
  context.signal.throwIfAborted();
}

type BundleUnit = { slice: Slice };

/**
 * Every lane has a big file of its own, and when there are none left, bundles: threads that write to one file wait for each
 * other in the kernel (an eighth of all time with four files over two lanes). A file comes again and again while something is left of it.
 */
export function* inTurn(
  files: readonly Slice[],
  bundles: readonly Slice[],
  lanes: number,
  begin: (slice: Slice) => BigFile,
): Generator<FileTurn | BundleUnit> {
  const [nextFile, nextBundle] = [files.values(), bundles.values()];
  const own: (BigFile | undefined)[] = Array.from({ length: lanes }, () => undefined);
  for (let idle = 0; idle < lanes; ) {
    idle = 0;
    for (let lane = 0; lane < lanes; lane++) {
      let file = own[lane];
      while (!file || file.left.length === 0) {
        const next = nextFile.next();
        if (next.done) break;
        file = own[lane] = begin(next.value);
      }
      const slice = file?.left.length ? undefined : nextBundle.next().value;
      if (file?.left.length) yield { file, lane };
      else if (slice) yield { slice };
      else idle++;
    }
  }
}

async function moveBundle(
  job: Pick<BundleJob, 'kind' | 'spool' | 'slice'>,
  files: BigFiles,
  iteration: Iteration,
  context: TransferContext,
): Promise<void> {
  const result = await fetchBundle(job, files, context);
  iteration.filesDownloaded += result.done.entries;
  iteration.bytesDownloaded += result.done.bytes;
  for (const problem of result.problems) report(problem, iteration, context);
}

/** A bundle, as much at once as the line allows; tried again from the first unsettled file for as long as the retry policy agrees. */
async function fetchBundle(
  job: Pick<BundleJob, 'kind' | 'spool' | 'slice'>,
  files: BigFiles,
  context: TransferContext,
): Promise<LaneResult> {
  const total = empty();
  const take = ({ done, problems }: LaneResult): void => {
    total.done.entries += done.entries;
    total.done.bytes += done.bytes;
    total.problems.push(...problems);
  };
  const retrier = createRetrier(context.source.retrying(formatCount(job.slice.entries, 'file'), context.signal));
  for (let from: number | undefined; ; ) {
    const mostBytes = Math.min(BUNDLE_BYTES, files.size.bytes());
    const beganMs = performance.now();
    const result = await context.lanes.run({ ...job, mostBytes, ...(from !== undefined && { from }) });
    files.size.note(result.received, performance.now() - beganMs);
    take(result);
    if (result.young.length > 0) {
      context.young.add(result.young); // on record before a next run could take their times for a proof
      take(await context.lanes.run({ kind: 'publish', files: result.young }));
    }
    if (result.apart) await files.moveWhole(result.apart);
    if (result.settled > (from ?? 0)) retrier.progressed();
    from = result.settled;
    if (result.fault) await retrier.failed(failureOfFault(result.fault, context.source.url));
    else if (!result.left) return total;
  }
}

const PROGRESS_MS = 250;

function tellProgress(plan: Plan, iteration: Iteration, { lanes, source, emit }: TransferContext): () => void {
  const { download } = plan.counts;
  const directories = plan.spools.mkdir.slices.reduce((sum, { entries }) => sum + entries, 0);
  const receivedBefore = lanes.received();
  const tell = (): void => {
    const { bytesDone, filesDone } = lanes.progress();
    const received = lanes.received() - receivedBefore;
    if (received !== iteration.bytesReceived) source.contact.useful(performance.now());
    iteration.bytesReceived = received;
    emit({
      type: 'progress',
      iteration: iteration.iteration,
      doing: 'download',
      bytesDone: Math.min(download.bytes, bytesDone + iteration.bytesReused),
      bytesTotal: download.bytes,
      bytesReused: iteration.bytesReused,
      filesDone,
      filesTotal: download.entries - directories,
    });
  };
  lanes.startCounting();
  const timer = setInterval(tell, PROGRESS_MS);
  return () => {
    clearInterval(timer);
    tell();
  };
}
