// Hands digest jobs to threads so that the lanes of each are full before the next is begun. Computes nothing.

import type { FilterSpec } from '../patterns/filter.js';
import { createPool, type Pool } from '../threads/threads.js';
import type { DigestAlgorithm } from './digest.js';
import { computesInLanes, type DigestAnswer, type DigestJob } from './digest-files.js';

export interface DigestPool {
  /** Starts a thread, for the first job to find it ready. */
  start(algorithm: DigestAlgorithm): void;
  /** One answer a file, in the order asked. */
  run(job: DigestJob): Promise<DigestAnswer[]>;
  /** Ends the threads at once; jobs under way are rejected. */
  close(): Promise<void>;
}

interface Thread {
  pool: Pool<DigestJob, DigestAnswer[]>;
  /** Files it has, or could have at once, of all its jobs. */
  load: number;
}

/** Files a thread can have at once, of those that count. */
const MOST = 4;

/** In lanes four files take a core little longer than one; what takes one file after another is best spread. */
const fullOf = (algorithm: DigestAlgorithm): number => (computesInLanes(algorithm) ? MOST : 1);

/** What a thread of the pool is started with. */
export interface DigestSetup {
  filters: FilterSpec[];
}

/** `size` threads at most, each started when it is first needed. `filters`: of `DigestJob.hidesExcluded`. */
export function createDigestPool(size: number, filters: FilterSpec[] = []): DigestPool {
  const setup: DigestSetup = { filters };
  const script = new URL('./digest-thread.js', import.meta.url);
  const threads = Array.from({ length: size }, (): Thread => ({ pool: createPool(script, 1, setup), load: 0 }));
  return {
    start(algorithm) {
      // Its first job will say what is wrong with a thread that cannot start.
      threads[0]!.pool.run({ algorithm, roots: [], files: [] }).catch(() => {});
    },
    async run(job) {
      const thread = pick(threads, fullOf(job.algorithm));
      const load = Math.min(job.files.length, MOST);
      thread.load += load;
      try {
        return await thread.pool.run(job);
      } finally {
        thread.load -= load;
      }
    },
    async close() {
      await Promise.all(threads.map(({ pool }) => pool.close()));
    },
  };
}

/** The busiest of those that are not full; when all are, the least busy. */
export function pick<T extends { load: number }>(threads: readonly T[], full: number): T {
  const byLoad = threads.toSorted((a, b) => a.load - b.load);
  return (byLoad.findLast(({ load }) => load < full) ?? byLoad[0])!;
}
