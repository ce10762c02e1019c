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

interface YieldOptions extends YieldBounds {
  /** Read instead of the kernel's own. */
  pressureFile?: string | undefined;
  everyMs?: number;
}

export function startYielding({ pressureFile, everyMs = 1_000, ...bounds }: YieldOptions): Yielding {
  const pace = createPace();
  let rate = firstRate(bounds);
  let pressure = 0;
  let why: string | undefined;
  let last: { waitedUs: number; atMs: number; booked: number } | undefined;
  const ceiling = Number.isFinite(bounds.ceiling) ? bounds.ceiling : undefined;

  function look(): void {
    const found = readIoPressure(pressureFile);
    if ('why' in found) {
      ({ why } = found);
      setLimit(pace, ceiling);
      clearInterval(timer);
      return;
    }
    const now = { waitedUs: found.waitedUs, atMs: performance.now(), booked: bookedIn(pace) };
    if (last && now.atMs > last.atMs) {
      const elapsedMs = now.atMs - last.atMs;
      pressure = Math.max(0, Math.min(1, (now.waitedUs - last.waitedUs) / 1_000 / elapsedMs));
      rate = nextRate(rate, { pressure, readPerSecond: ((now.booked - last.booked) / elapsedMs) * 1_000 }, bounds);
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
