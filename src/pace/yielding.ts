// Keeps a pace down while the disks of this host are busy: looks at their pressure every second and sets the limit.

import { readIoPressure } from './io-pressure.js';
import { bookedIn, createPace, type Pace, setLimit } from './rate.js';
import { firstRate, nextRate, type YieldBounds } from './yield-rate.js';

/** How an end yields. `pressure`: the share of the last second in which some process waited for a disk, 0 to 1. */
export type YieldState = { bytesPerSecond: number; pressure: number } | { why: string };

/** The ends that yield. */
export type Yieldings = { source?: YieldState; destination?: YieldState };

/** Where none is stated. */
export const DEFAULT_YIELD_FLOOR = 8 << 20;

export interface Yielding {
  /** For the threads that read. */
  readonly pace: Pace;
  /** `why`: what keeps this host from knowing its pressure; the ceiling alone holds then. */
  state(): YieldState;
  close(): void;
}

interface YieldOptions {
  floor: number;
  /** The limit as it is now; Infinity for none. */
  ceiling(): number;
  /** Read instead of the kernel's own. */
  pressureFile?: string | undefined;
  everyMs?: number;
}

export function startYielding({ pressureFile, everyMs = 1_000, floor, ceiling }: YieldOptions): Yielding {
  const pace = createPace();
  const bounds = (): YieldBounds => ({ floor, ceiling: ceiling() });
  let rate = firstRate(bounds());
  let pressure = 0;
  let why: string | undefined;
  let last: { waitedUs: number; atMs: number; booked: number } | undefined;

  function look(): void {
    const found = readIoPressure(pressureFile);
    if ('why' in found) {
      ({ why } = found);
      setLimit(pace, undefined); // where there is a ceiling, it is a limit of its own, and holds beside this pace
      clearInterval(timer);
      return;
    }
    const now = { waitedUs: found.waitedUs, atMs: performance.now(), booked: bookedIn(pace) };
    if (last && now.atMs > last.atMs) {
      const elapsedMs = now.atMs - last.atMs;
      pressure = Math.max(0, Math.min(1, (now.waitedUs - last.waitedUs) / 1_000 / elapsedMs));
      rate = nextRate(rate, { pressure, readPerSecond: ((now.booked - last.booked) / elapsedMs) * 1_000 }, bounds());
    }
    last = now;
    setLimit(pace, rate.bytesPerSecond);
  }

  const timer = setInterval(look, everyMs).unref();
  look();
  return {
    pace,
    state: () => (why === undefined ? { bytesPerSecond: Math.round(rate.bytesPerSecond), pressure } : { why }),
    close: () => clearInterval(timer),
  };
}
