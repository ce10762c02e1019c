// Gives digest jobs to threads, so that the lanes of one are full before the next is used.

import { batchesOf } from '../batches.js';
import type { FileAlgorithm } from '../digest/digest.js';
import { computesInLanes, type DigestAnswer, type DigestJob } from '../digest/digest-files.js';
import type { ListedFile } from '../digest/listed-file.js';
import { type Composed, composed, isComposed, RANGE_BYTES, rangesOf } from '../digest/ranges.js';
import { sstableOf } from '../digest/sstable.js';
import type { FilterSpec } from '../patterns/filter.js';
import { createPool, type Pool } from '../threads/threads.js';
import type { LineAnswer, LineJob } from './listed-line.js';
import { type PackedAnswers, type PackedFiles, packFiles, unpackAnswers, unpackFiles } from './messages.js';

/** What a thread of the pool receives. */
export type PackedJob = Omit<DigestJob, 'files'> & { files: PackedFiles };
export type ThreadJob = PackedJob | LineJob;

/** Packed files are small, or one alone, and are a job of one thread. */
type PoolJob = Omit<DigestJob, 'files'> & { files: readonly ListedFile[] | PackedFiles };

export interface DigestPool {
  /** Starts a thread, so that it is ready for the first job. */
  start(algorithm: FileAlgorithm): void;
  /** Returns one answer for each file, in order. */
  run(job: PoolJob): Promise<DigestAnswer[]>;
  /** Digests all files of a line of a listing, which should be few bytes: it is a job of one thread. */
  runLine(job: LineJob): Promise<LineAnswer>;
  /** Ends the threads at once; jobs under way are rejected. */
  close(): Promise<void>;
}

interface Thread {
  pool: Pool<ThreadJob, PackedAnswers | LineAnswer>;
  /** Files that it has, or could have at once, of all its jobs. */
  load: number;
}

/** How many files of a job count towards a thread's load. */
const MAX_FILES = 4;

/** In lanes four files take a core little longer than one. Algorithms that take one file after another are best spread over threads. */
const fullOf = (algorithm: FileAlgorithm): number => (computesInLanes(algorithm) ? MAX_FILES : 1);

/** The workerData of a thread of the pool. */
export interface DigestSetup {
  /** Those of `DigestJob.hidesExcluded`. */
  filters: FilterSpec[];
  /** Whether its threads leave the processor to whatever else wants it. */
  isNice: boolean;
}

/** How a job is divided between threads. */
const JOB_LIMITS = { items: 256, bytes: 32 << 20 };

export interface PoolOptions extends DigestSetup {
  /** Of the ranges in which a big file is read: a multiple of BLOCK_BYTES. No digest depends on it. */
  rangeBytes: number;
}

/** At most `size` threads, each started when it is first needed. */
export function createDigestPool(
  size: number,
  { filters = [], isNice = false, rangeBytes = RANGE_BYTES }: Partial<PoolOptions> = {},
): DigestPool {
  const setup: DigestSetup = { filters, isNice };
  const script = new URL('./digest-thread.js', import.meta.url);
  const threads = Array.from({ length: size }, (): Thread => ({ pool: createPool(script, 1, setup), load: 0 }));

  async function give(job: ThreadJob, full: number, load: number): Promise<PackedAnswers | LineAnswer> {
    const thread = pick(threads, full);
    thread.load += load;
    try {
      return await thread.pool.run(job);
    } finally {
      thread.load -= load;
    }
  }

  async function runOne(job: PackedJob): Promise<DigestAnswer[]> {
    const answers = await give(job, fullOf(job.algorithm), Math.min(job.files.count, MAX_FILES));
    return unpackAnswers(answers as PackedAnswers);
  }

  /** As many ranges at once as there are threads: other jobs then wait for one range only. */
  async function runShared(job: PoolJob, file: ListedFile): Promise<DigestAnswer> {
    const { algorithm, reportsBlocks } = job;
    const ranges = rangesOf(Number(file.size), rangeBytes);
    const answers: DigestAnswer[] = [];
    const packed = { ...job, files: packFiles([file]), reportsBlocks: true };
    let failed: DigestAnswer | undefined;
    let next = 0;
    const take = async (): Promise<void> => {
      for (let i = next++; i < ranges.length && !failed; i = next++) {
        const [answer] = await runOne({ ...packed, range: ranges[i] });
        answers[i] = answer!;
        if ('result' in answer!) failed = answer;
      }
    };
    await Promise.all(Array.from({ length: size }, take));
    return failed ?? composed(algorithm as Composed, answers, ranges, reportsBlocks);
  }

  return {
    start(algorithm) {
      // The first job will report what is wrong with a thread that cannot start.
      threads[0]!.pool.run({ algorithm, roots: [], files: packFiles([]) }).catch(() => {});
    },
    async run(job) {
      const { algorithm } = job;
      if ('text' in job.files && (job.files.count > 1 || !isComposed(algorithm)))
        return runOne({ ...job, files: job.files });
      const files = 'text' in job.files ? unpackFiles(job.files) : job.files;
      const isBig = (file: ListedFile): boolean => isShared(job, file) && Number(file.size) > rangeBytes;
      const answers: DigestAnswer[] = [];
      const small = [...files.entries()].filter(([, file]) => !isBig(file));
      await Promise.all([
        ...[...batchesOf(small, JOB_LIMITS, ([, file]) => Number(file.size))].map(async (batch) => {
          const found = await runOne({ ...job, files: packFiles(batch.map(([, file]) => file)) });
          for (const [i, [index]] of batch.entries()) answers[index] = found[i]!;
        }),
        ...[...files.entries()].map(async ([index, file]) => {
          if (isBig(file)) answers[index] = await runShared(job, file);
        }),
      ]);
      return answers;
    },
    runLine: async (job) => (await give(job, 1, 1)) as LineAnswer,
    async close() {
      await Promise.all(threads.map(({ pool }) => pool.close()));
    },
  };
}

/** Whether threads may share a file. An SSTable is checked by whoever has read all of its Data.db. */
const isShared = ({ algorithm, checksSSTables }: PoolJob, { key }: ListedFile): boolean =>
  isComposed(algorithm) && !(checksSSTables && sstableOf(key) !== undefined);

/** The busiest thread that is not full; the least busy one when all are full. */
export function pick<T extends { load: number }>(threads: readonly T[], full: number): T {
  const byLoad = threads.toSorted((a, b) => a.load - b.load);
  return (byLoad.findLast(({ load }) => load < full) ?? byLoad[0])!;
}
