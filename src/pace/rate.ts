// Limits a byte rate that the threads of a process share: says how long a sender or reader has to wait. It waits itself.

import { hrtime } from 'node:process';

/** A limit, its clock, and what has gone through it, in memory that threads share: it goes to a thread with its work. */
export type Pace = SharedArrayBuffer;

export interface Pacer {
  /**
   * Books `bytes` and returns the ms until they may be moved, 0 for at once. A booking stays, even if nothing is moved. No booking has to wait
   * longer than one of 0 bytes would now, so whoever waits asks for that every LOOK_MS: a limit that was raised meanwhile shortens the wait.
   */
  take(bytes: number): number;
  /** Book at most so many bytes at a time: then a low limit makes no long silence on a connection. */
  readonly chunkBytes: number;
}

const NS_PER_MS = 1_000_000n;

/** How much time lost to a pause or a late timer may be made up for; without it the rate would stay below its limit. */
const CREDIT_NS = 50n * NS_PER_MS;

/** How soon a raised limit is noticed by those who wait. */
export const LOOK_MS = 200;

const MAX_CHUNK_BYTES = 1 << 20;
const MIN_CHUNK_BYTES = 4 << 10;
const CHUNKS_PER_SECOND = 10;

/** The cells of a pace. The limit is in bytes a second, 0 for none. */
const CLOCK = 0;
const LIMIT = 1;
const BOOKED = 2;
const CELLS = 3;

/** Undefined is no limit. */
export function createPace(bytesPerSecond?: number): Pace {
  const pace = new SharedArrayBuffer(CELLS * BigInt64Array.BYTES_PER_ELEMENT);
  setLimit(pace, bytesPerSecond);
  return pace;
}

/**
 * Holds for what is booked from now on. A raise also brings forward what is booked already; what waits when the limit is lowered keeps its
 * turn, because a wait that grew would be a long silence on its connection.
 */
export function setLimit(pace: Pace, bytesPerSecond: number | undefined, now: () => bigint = hrtime.bigint): void {
  const cells = new BigInt64Array(pace);
  const limit = BigInt(Math.max(0, Math.round(bytesPerSecond ?? 0)));
  const before = Atomics.exchange(cells, LIMIT, limit);
  if (before > 0n && (limit === 0n || limit > before)) hasten(cells, before, limit, now);
}

function hasten(cells: BigInt64Array, before: bigint, limit: bigint, now: () => bigint): void {
  for (;;) {
    const booked = Atomics.load(cells, CLOCK);
    const time = now();
    if (booked <= time) return;
    const leftNs = limit === 0n ? 0n : ((booked - time) * before) / limit;
    if (Atomics.compareExchange(cells, CLOCK, booked, time + leftNs) === booked) return;
  }
}

/** Whether any of the paces has a limit now. */
export const isLimited = (paces: readonly Pace[]): boolean =>
  paces.some((pace) => Atomics.load(new BigInt64Array(pace), LIMIT) > 0n);

/** Bytes booked so far, with a limit or without. */
export const bookedIn = (pace: Pace): number => Number(Atomics.load(new BigInt64Array(pace), BOOKED));

/** Keeps to all of the paces. `now` is in ns, on a clock that all threads share and that never goes back. */
export function createPacer(paces: readonly Pace[] = [], now: () => bigint = hrtime.bigint): Pacer {
  const cells = paces.map((pace) => new BigInt64Array(pace));
  return {
    take: (bytes) => cells.reduce((waitMs, pace) => Math.max(waitMs, book(pace, bytes, now)), 0),
    get chunkBytes() {
      return cells.reduce(
        (least, pace) => Math.min(least, chunkOf(Number(Atomics.load(pace, LIMIT)))),
        MAX_CHUNK_BYTES,
      );
    },
  };
}

/** A virtual clock (GCRA): the time when the bytes booked so far will have been moved at the limit. */
function book(pace: BigInt64Array, bytes: number, now: () => bigint): number {
  Atomics.add(pace, BOOKED, BigInt(bytes));
  const limit = Number(Atomics.load(pace, LIMIT));
  if (limit === 0) return 0;
  const costNs = BigInt(Math.round((bytes * 1e9) / limit));
  for (;;) {
    const booked = Atomics.load(pace, CLOCK);
    const time = now();
    const start = booked > time - CREDIT_NS ? booked : time - CREDIT_NS;
    if (Atomics.compareExchange(pace, CLOCK, booked, start + costNs) !== booked) continue;
    return start > time ? Number((start - time) / NS_PER_MS) : 0;
  }
}

const chunkOf = (limit: number): number =>
  limit === 0
    ? MAX_CHUNK_BYTES
    : Math.max(MIN_CHUNK_BYTES, Math.min(MAX_CHUNK_BYTES, Math.floor(limit / CHUNKS_PER_SECOND)));
