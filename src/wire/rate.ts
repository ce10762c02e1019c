// A byte rate shared by the threads of a process: who sends asks how long to wait. Never sleeps itself.

import { hrtime } from 'node:process';

export interface Pacer {
  /** Books `bytes`; they may go in that many ms, 0 for at once. Whoever gives up after asking has used up his share all the same. */
  take(bytes: number): number;
  /** The most to book at once, so that a low limit makes no long silence on a connection. */
  chunkBytes: number;
}

const NS_PER_MS = 1_000_000n;

/** After a pause, and while timers fire late, this much may be made up for; without it a limit would never be reached. */
const CREDIT_NS = 50n * NS_PER_MS;

const MOST_AT_ONCE = 1 << 20;
const LEAST_AT_ONCE = 4 << 10;
const CHUNKS_PER_SECOND = 10;

/** What several threads share to keep one limit together. */
export const sharedPace = (): SharedArrayBuffer => new SharedArrayBuffer(BigInt64Array.BYTES_PER_ELEMENT);

/**
 * A virtual clock (GCRA): it says when the bytes booked so far will have gone out at the limit. Undefined is no limit.
 * `now` is in ns on a clock that all the threads have in common and that never goes back.
 */
export function createPacer(
  bytesPerSecond: number | undefined,
  shared: SharedArrayBuffer = sharedPace(),
  now: () => bigint = hrtime.bigint,
): Pacer {
  if (bytesPerSecond === undefined) return { take: () => 0, chunkBytes: MOST_AT_ONCE };
  const clock = new BigInt64Array(shared);
  const perTenth = Math.floor(bytesPerSecond / CHUNKS_PER_SECOND);
  return {
    take(bytes) {
      const costNs = BigInt(Math.round((bytes * 1e9) / bytesPerSecond));
      for (;;) {
        const booked = Atomics.load(clock, 0);
        const time = now();
        const start = booked > time - CREDIT_NS ? booked : time - CREDIT_NS;
        if (Atomics.compareExchange(clock, 0, booked, start + costNs) !== booked) continue;
        return start > time ? Number((start - time) / NS_PER_MS) : 0;
      }
    },
    chunkBytes: Math.max(LEAST_AT_ONCE, Math.min(MOST_AT_ONCE, perTenth)),
  };
}
