// Starts the worker threads of a transfer, gives them jobs and reads their running totals.

import { cpus } from 'node:os';
import type { UnkeptNow } from '../disk/attributes.js';
import type { Share } from '../events.js';
import type { LiveLimit } from '../pace/live-limit.js';
import { followingPace } from '../pace/local-pace.js';
import { createPool } from '../threads/threads.js';
import {
  WORKER_COUNTERS,
  type WorkerJob,
  type WorkerOrder,
  type WorkerResult,
  type WorkerSetup,
} from './worker-jobs.js';

export interface Workers {
  /** How many worker threads there are. */
  readonly count: number;
  /** Runs a job in the given worker, else in the least busy. Rejects with `local`, `protocol` or `interrupted`; network errors are in the result. */
  run(job: WorkerJob, worker?: number): Promise<WorkerResult>;
  /** Makes all workers close their directories, because some have been removed or made. */
  forgetDirectories(): Promise<void>;
  /** Ends the threads until the next job. No job may be under way. */
  endIdle(): Promise<void>;
  /** Everything that is removed or replaced from now on is backed up in `into`. */
  backUpInto(into: string): void;
  /** What was backed up so far. */
  backedUp(): Share;
  /** Counts an entry that the main thread has backed up. */
  countBackedUp(bytes: number): void;
  /** Bytes received since the workers were made. */
  received(): number;
  /** Since `startCounting`: bytes of units under way or done, and files published. */
  progress(): { bytesDone: number; filesDone: number };
  startCounting(): void;
  /** Counts a file that the main thread has published. */
  countFile(): void;
  /** Stops downloads under way, waits until their parts are removed, and ends the threads. */
  close(): Promise<void>;
}

/** An abort of `signal` stops the workers at the next chunk. A job is rejected with the error that `unkept` throws. */
export function createWorkers(
  { limit, ...setup }: Omit<WorkerSetup, 'pace' | 'counters'> & { limit: LiveLimit },
  concurrency: number,
  signal: AbortSignal,
  unkept: (entries: readonly UnkeptNow[]) => void,
): Workers {
  const counters = new SharedArrayBuffer(Object.keys(WORKER_COUNTERS).length * BigInt64Array.BYTES_PER_ELEMENT);
  const totals = new BigInt64Array(counters);
  const count = Math.min(concurrency, Math.max(2, cpus().length));
  const received = followingPace(limit);
  const data: WorkerSetup = { ...setup, counters, pace: received.pace };
  const script = new URL('./worker-thread.js', import.meta.url);
  const workers = Array.from({ length: count }, () => ({
    pool: createPool<WorkerOrder, WorkerResult>(script, 1, data),
    jobs: 0,
  }));
  const total = (counter: keyof typeof WORKER_COUNTERS): number =>
    Number(Atomics.load(totals, WORKER_COUNTERS[counter]));
  const broadcast = async (job: WorkerJob): Promise<void> =>
    void (await Promise.all(workers.map(({ pool }) => pool.broadcast(job))));
  const stop = (): Promise<void> => broadcast({ kind: 'stop' });
  signal.addEventListener('abort', () => void stop().catch(() => {}), { once: true }); // the caller closes the workers next
  let before = { bytesDone: 0, filesDone: 0 };
  let backup: Pick<WorkerOrder, 'backup'> = {};
  return {
    count,
    async run(job, worker) {
      const chosen =
        worker === undefined ? workers.reduce((best, one) => (one.jobs < best.jobs ? one : best)) : workers[worker]!;
      chosen.jobs++;
      try {
        const result = await chosen.pool.run({ ...job, ...backup });
        if (result.unkept) unkept(result.unkept);
        return result;
      } finally {
        chosen.jobs--;
      }
    },
    forgetDirectories: () => broadcast({ kind: 'forget' }),
    endIdle: async () => void (await Promise.all(workers.map(({ pool }) => pool.endIdle()))),
    backUpInto(into) {
      backup = { backup: into };
    },
    backedUp: () => ({ entries: total('entriesBackedUp'), bytes: total('bytesBackedUp') }),
    countBackedUp(bytes) {
      Atomics.add(totals, WORKER_COUNTERS.entriesBackedUp, 1n);
      Atomics.add(totals, WORKER_COUNTERS.bytesBackedUp, BigInt(bytes));
    },
    received: () => total('bytesReceived'),
    progress: () => ({
      bytesDone: total('bytesDone') - before.bytesDone,
      filesDone: total('filesDone') - before.filesDone,
    }),
    startCounting() {
      before = { bytesDone: total('bytesDone'), filesDone: total('filesDone') };
    },
    countFile: () => void Atomics.add(totals, WORKER_COUNTERS.filesDone, 1n),
    async close() {
      received.close();
      await stop();
      await Promise.all(workers.map(({ pool }) => pool.close()));
    },
  };
}
