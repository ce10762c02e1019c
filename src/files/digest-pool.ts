// Hands digest jobs to threads so that the lanes of each are full before the next is begun. Computes nothing.

import { computesInLanes, type DigestAnswer, type DigestJob } from './digest-files.js';
import { createPool, type Pool } from './threads.js';

export interface DigestPool {
  /** One answer a file, in the order asked. */
  run(job: DigestJob): Promise<DigestAnswer[]>;
  /** Ends the threads at once; jobs under way are rejected. */
  close(): Promise<void>;
}

interface Thread {
  pool: Pool<DigestJob, DigestAnswer[]>;
  /** Files it can read at once, of all its jobs. */
  load: number;
}

/** Files that fill a vector: four take a core no longer than one. Another four are faster still, but not than on another core. */
const FULL = 4;

/** `size` threads at most, each started when it is first needed. */
export function createDigestPool(size: number): DigestPool {
  const script = new URL('./digest-thread.js', import.meta.url);
  const threads = Array.from({ length: size }, (): Thread => ({ pool: createPool(script, 1), load: 0 }));
  return {
    async run(job) {
      const inLanes = computesInLanes(job.algorithm);
      const thread = pick(threads, inLanes ? FULL : 1);
      const load = inLanes ? Math.min(job.files.length, FULL) : 1;
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
