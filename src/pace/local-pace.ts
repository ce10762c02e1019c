// What the reads of one run on this host keep to.

import type { LiveLimit } from './live-limit.js';
import { createPace, type Pace, setLimit } from './rate.js';
import { startYielding, type Yielding } from './yielding.js';

export interface LocalPace {
  paces: readonly Pace[];
  yielding?: Yielding | undefined;
  close(): void;
}

export interface PaceWishes {
  limit?: LiveLimit | undefined;
  /** Reading makes room for others who wait for the disks, down to so many bytes a second. */
  yieldFloor?: number | undefined;
}

/** `pressureFile`: see `startYielding`. */
export function startLocalPace({
  limit,
  yieldFloor,
  pressureFile,
}: PaceWishes & { pressureFile?: string | undefined }): LocalPace {
  const { pace, close } = limit ? followingPace(limit) : { pace: undefined, close() {} };
  const limited = pace ? [pace] : [];
  if (yieldFloor === undefined) return { paces: limited, close };
  const ceiling = (): number => limit?.now() ?? Number.POSITIVE_INFINITY;
  const yielding = startYielding({ floor: yieldFloor, ceiling, pressureFile });
  return {
    paces: [...limited, yielding.pace],
    yielding,
    close() {
      close();
      yielding.close();
    },
  };
}

/** A pace that keeps to the limit as it changes, until `close`. */
export function followingPace(limit: LiveLimit): { pace: Pace; close(): void } {
  const pace = createPace();
  return { pace, close: limit.follow((bytesPerSecond) => setLimit(pace, bytesPerSecond)) };
}
