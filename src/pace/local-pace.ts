// What the reads of one run on this host keep to.

import { createPace, type Pace } from './rate.js';
import { startYielding, type Yielding } from './yielding.js';

export interface LocalPace {
  paces: readonly Pace[];
  yielding?: Yielding | undefined;
  close(): void;
}

export interface PaceWishes {
  /** Bytes a second. */
  limitRate?: number | undefined;
  /** Reading makes room for others who wait for the disks, down to so many bytes a second. */
  yieldFloor?: number | undefined;
}

/** `pressureFile`: see `startYielding`. */
export function startLocalPace({
  limitRate,
  yieldFloor,
  pressureFile,
}: PaceWishes & { pressureFile?: string | undefined }): LocalPace {
  const limit = limitRate === undefined ? [] : [createPace(limitRate)];
  if (yieldFloor === undefined) return { paces: limit, close() {} };
  const yielding = startYielding({ floor: yieldFloor, ceiling: limitRate ?? Number.POSITIVE_INFINITY, pressureFile });
  return { paces: [...limit, yielding.pace], yielding, close: yielding.close };
}
