// The lanes as the main thread sees them: worker threads behind one function, and their running totals.

import { cpus } from 'node:os';
import type { UnkeptNow } from '../disk/attributes.js';
import type { Share } from '../events.js';
import { createPool } from '../threads/threads.js';
import { sharedPace } from '../wire/rate.js';
import { LANE_COUNTERS, type LaneJob, type LaneOrder, type LaneResult, type LaneSetup } from './lane-jobs.js';

export interface Lanes {
  /** How many there are, each a thread. */
  readonly count: number;
  /** In the lane named, else in the least busy. Rejects with `local`, `protocol` or `interrupted`; what the network does is in the result. */
  run(job: LaneJob, lane?: number): Promise<LaneResult>;
  /** Directories have been removed or made: no lane may keep one open. */
  forgetDirectories(): Promise<void>;
  /** Ends the threads until there is a next job; none may be under way. */
  rest(): Promise<void>;
  /** Whatever is removed or replaced from now on is kept in `into`. */
  backUpInto(into: string): void;
  /** What was kept so far. */
  kept(): Share;
  /** An entry the main thread has kept. */
  countKept(bytes: number): void;
  /** Bytes received since the lanes were made. */
  received(): number;
  /** Since `startCounting`: bytes of units under way or done, and files published. */
  progress(): { bytesDone: number; filesDone: number };
  startCounting(): void;
  /** A file the main thread has published. */
  countFile(): void;
  /** Ends downloads under way, lets their parts be removed, and ends the threads. */
  close(): Promise<void>;
}

/** An abort of `signal` ends what the lanes are doing at the next chunk. What `unkept` throws is what the job is rejected with. */
export function createLanes(
  setup: Omit<LaneSetup, 'clock' | 'counters'>,
  concurrency: number,
  signal: AbortSignal,
  unkept: (entries: readonly UnkeptNow[]) => void,
): Lanes {
  const counters = new SharedArrayBuffer(Object.keys(LANE_COUNTERS).length * BigInt64Array.BYTES_PER_ELEMENT);
  const totals = new BigInt64Array(counters);
  const count = Math.min(concurrency, Math.max(2, cpus().length));
  const data: LaneSetup = { ...setup, counters, clock: sharedPace() };
  const script = new URL('./lane.js', import.meta.url);
  const lanes = Array.from({ length: count }, () => ({
    pool: createPool<LaneOrder, LaneResult>(script, 1, data),
    jobs: 0,
  }));
  const total = (counter: keyof typeof LANE_COUNTERS): number => Number(Atomics.load(totals, LANE_COUNTERS[counter]));
  const tellAll = async (job: LaneJob): Promise<void> =>
    void (await Promise.all(lanes.map(({ pool }) => pool.tellAll(job))));
  const stop = (): Promise<void> => tellAll({ kind: 'stop' });
  signal.addEventListener('abort', () => void stop().catch(() => {}), { once: true }); // closing comes next
  let before = { bytesDone: 0, filesDone: 0 };
  let backup: Pick<LaneOrder, 'backup'> = {};
  return {
    count,
    async run(job, lane) {
      const chosen =
        lane === undefined ? lanes.reduce((best, one) => (one.jobs < best.jobs ? one : best)) : lanes[lane]!;
      chosen.jobs++;
      try {
        const result = await chosen.pool.run({ ...job, ...backup });
        if (result.unkept) unkept(result.unkept);
        return result;
      } finally {
        chosen.jobs--;
      }
    },
    forgetDirectories: () => tellAll({ kind: 'forget' }),
    rest: async () => void (await Promise.all(lanes.map(({ pool }) => pool.rest()))),
    backUpInto(into) {
      backup = { backup: into };
    },
    kept: () => ({ entries: total('entriesKept'), bytes: total('bytesKept') }),
    countKept(bytes) {
      Atomics.add(totals, LANE_COUNTERS.entriesKept, 1n);
      Atomics.add(totals, LANE_COUNTERS.bytesKept, BigInt(bytes));
    },
    received: () => total('bytesReceived'),
    progress: () => ({
      bytesDone: total('bytesDone') - before.bytesDone,
      filesDone: total('filesDone') - before.filesDone,
    }),
    startCounting() {
      before = { bytesDone: total('bytesDone'), filesDone: total('filesDone') };
    },
    countFile: () => void Atomics.add(totals, LANE_COUNTERS.filesDone, 1n),
    async close() {
      await stop();
      await Promise.all(lanes.map(({ pool }) => pool.close()));
    },
  };
}
