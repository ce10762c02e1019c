// A plan through the queue and the lanes: removals, directories, bytes, attributes. Counts, retries and stops; writes only big files' parts.

import PQueue from 'p-queue';
import { formatCount } from '../amounts.js';
import type { LmError } from '../errors.js';
import type { Emit } from '../events.js';
import { BLOCK_BYTES } from '../files/digest.js';
import { type Entry, type EntryKey, FIRST_FEW } from '../files/entry.js';
import type { Iteration } from '../report.js';
import type { ClosedDirectories } from './closed-directories.js';
import type { Disk } from './disk.js';
import { failureOfFault } from './failure.js';
import type { ChangedFiles } from './hot-files.js';
import type { Deed, FileProblem, LaneJob, LaneResult } from './lane-jobs.js';
import type { Lanes } from './lanes.js';
import { type BigFile, beginBigFile, endBigFile, type PartJournal, type Range, rangeBytesFor } from './parts.js';
import { bigFirst, type Plan } from './plan.js';
import { createRetrier } from './retry.js';
import type { Source } from './source.js';
import { readSlice, type Slice, type Spool } from './spool.js';
import type { YoungFiles } from './young-files.js';

type BundleJob = Extract<LaneJob, { kind: 'bundle' }>;
type RangeJob = Extract<LaneJob, { kind: 'range' }>;

export interface TransferContext {
  lanes: Lanes;
  /** The main thread's own hands, for big files. */
  disk: Disk;
  journal: PartJournal;
  young: Pick<YoungFiles, 'add'>;
  changed: ChangedFiles;
  closed: ClosedDirectories | undefined;
  concurrency: number;
  source: Pick<Source, 'url' | 'contact' | 'retrying'>;
  emit: Emit;
  signal: AbortSignal;
  /** Stops the run; `signal` is this controller's. */
  abort(error: LmError | Error): void;
}

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
  const enqueue = async (work: () => Promise<void>): Promise<void> => {
    await queue.onSizeLessThan(context.concurrency);
    void queue.add(async () => {
      if (!context.signal.aborted) await work().catch(context.abort);
    });
  };
  let bytesLeft = big.slices.reduce((sum, { bytes }) => sum + bytes, 0);
  const begin = (slice: Slice): BigFile => {
    const [[dir, [entry]]] = readSlice(big.path, slice) as [[EntryKey, [Entry]]];
    const rangeBytes = rangeBytesFor(bytesLeft, context.concurrency);
    const file = beginBigFile(context.disk, context.journal, { dir, entry }, rangeBytes);
    bytesLeft -= slice.bytes;
    iteration.bytesReused += file.bytesReused;
    if (file.pending === 0) endFile(file, iteration, context);
    return file;
  };
  try {
    for (const unit of inTurn(bigFirst(big.slices), bundle.slices, context.lanes.count, begin)) {
      if (context.signal.aborted) break;
      if ('file' in unit) await enqueue(() => moveRange(unit, iteration, context));
      else await enqueue(() => moveBundle({ kind: 'bundle', spool: bundle.path, ...unit }, iteration, context));
    }
  } catch (error) {
    context.abort(error as Error); // else what is under way would be stopped first, and give that for the reason
  }
  await queue.onIdle();
  context.signal.throwIfAborted();
}

type RangeUnit = { file: BigFile; range: Range; lane: number };
type BundleUnit = { slice: Slice };

/**
 * Every lane has a big file of its own, and when there are none left, bundles: threads that write to one file wait for each
 * other in the kernel (an eighth of all time with four files over two lanes).
 */
export function* inTurn(
  files: readonly Slice[],
  bundles: readonly Slice[],
  lanes: number,
  begin: (slice: Slice) => BigFile,
): Generator<RangeUnit | BundleUnit> {
  const [nextFile, nextBundle] = [files.values(), bundles.values()];
  const own = Array.from({ length: lanes }, (): { file?: BigFile; ranges: Range[] } => ({ ranges: [] }));
  for (let idle = 0; idle < lanes; ) {
    idle = 0;
    for (const [lane, has] of own.entries()) {
      for (let next = has.ranges.length > 0 ? undefined : nextFile.next(); next && !next.done; ) {
        has.file = begin(next.value);
        has.ranges = [...has.file.ranges];
        next = has.ranges.length > 0 ? undefined : nextFile.next();
      }
      const range = has.ranges.shift();
      const slice = range ? undefined : nextBundle.next().value;
      if (range) yield { file: has.file!, range, lane };
      else if (slice) yield { slice };
      else idle++;
    }
  }
}

async function moveBundle(job: BundleJob, iteration: Iteration, context: TransferContext): Promise<void> {
  const result = await fetchBundle(job, context);
  iteration.filesDownloaded += result.done.entries;
  iteration.bytesDownloaded += result.done.bytes;
  for (const problem of result.problems) report(problem, iteration, context);
}

async function moveRange(
  { file, range, lane }: RangeUnit,
  iteration: Iteration,
  context: TransferContext,
): Promise<void> {
  const { dir, entry, partIno } = file;
  const problem = file.problem ?? (await fetchRange({ kind: 'range', dir, entry, partIno, ...range }, lane, context));
  file.problem ??= problem; // another range may have met one meanwhile, and one voids the file
  if (!file.problem) context.journal.rangeDone(`${dir}/${entry.name}`, range);
  file.pending--;
  if (file.pending === 0) endFile(file, iteration, context);
}

function endFile(file: BigFile, iteration: Iteration, context: TransferContext): void {
  const problem = endBigFile(context.disk, context.journal, file);
  if (problem) return report(problem, iteration, context);
  iteration.filesDownloaded++;
  iteration.bytesDownloaded += Number(file.entry.size);
  context.lanes.countFile();
}

function report(problem: FileProblem, iteration: Iteration, { changed, emit }: TransferContext): void {
  if (problem.result === 'vanished') {
    iteration.filesVanished++;
    iteration.firstVanished = firstFew(iteration.firstVanished, problem.key);
  } else if (problem.result === 'changed') {
    iteration.filesChanged++;
    changed.add(problem.key);
    iteration.firstChanged = firstFew(iteration.firstChanged, problem.key);
  } else {
    iteration.downloadFailures++;
    if (problem.side === 'source') iteration.filesUnreadable = (iteration.filesUnreadable ?? 0) + 1;
  }
  emit({ type: 'file-problem', ...problem });
}

const firstFew = (first: EntryKey[] = [], key: EntryKey): EntryKey[] => [...first, key].slice(0, FIRST_FEW);

/** A bundle, tried again from the first unsettled file for as long as the retry policy agrees. */
async function fetchBundle(job: BundleJob, context: TransferContext): Promise<LaneResult> {
  const total: LaneResult = { done: { entries: 0, bytes: 0 }, problems: [], young: [], settled: 0 };
  const take = ({ done, problems }: LaneResult): void => {
    total.done.entries += done.entries;
    total.done.bytes += done.bytes;
    total.problems.push(...problems);
  };
  const retrier = createRetrier(context.source.retrying(formatCount(job.slice.entries, 'file'), context.signal));
  for (let from = job.from; ; ) {
    const result = await context.lanes.run({ ...job, ...(from !== undefined && { from }) });
    take(result);
    if (result.young.length > 0) {
      context.young.add(result.young); // on record before a next run could take their times for a proof
      take(await context.lanes.run({ kind: 'publish', files: result.young }));
    }
    if (!result.fault) return total;
    if (result.settled > (from ?? 0)) retrier.progressed();
    from = result.settled;
    await retrier.failed(failureOfFault(result.fault, context.source.url));
  }
}

/**
 * A range, tried again likewise. A cut one has proved none of its bytes, so each cut makes the next request shorter: a line
 * that never lasts for 64 MiB still gets there. Returns what voids the file.
 */
async function fetchRange(job: RangeJob, lane: number, context: TransferContext): Promise<FileProblem | undefined> {
  const end = job.offset + job.length;
  const retrier = createRetrier(
    context.source.retrying(`${job.dir}/${job.entry.name} at ${job.offset}`, context.signal),
  );
  let piece = job.length;
  for (let offset = job.offset; offset < end; ) {
    const length = Math.min(piece, end - offset);
    const { problems, young, fault } = await context.lanes.run({ ...job, offset, length }, lane);
    if (young.length > 0) context.young.add(young);
    if (problems[0]) return problems[0]; // one changed range voids the file
    if (fault) {
      if (fault.kind !== 'status') piece = Math.max(BLOCK_BYTES, Math.floor(length / 4 / BLOCK_BYTES) * BLOCK_BYTES);
      await retrier.failed(failureOfFault(fault, context.source.url));
    } else {
      offset += length;
      retrier.progressed();
    }
  }
  return undefined;
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
