// Computes the length of the next unit: what a connection has received lately in a few seconds.

import { BLOCK_BYTES } from '../digest/digest.js';

/** Long compared with a round trip; short enough that no connection is waited for at the end, and that an older agent completes a unit. */
const UNIT_MS = 4_000;

/** The weight of earlier units is multiplied by this for each new one: the last five make up two thirds of the average. */
const DECAY = 0.8;

export interface UnitSize {
  /** Notes the bytes and the time of a unit, also of one that was cut short. */
  note(bytes: number, elapsedMs: number): void;
  /** The length of the next unit: a multiple of 1 MiB, and 1 MiB before any unit was noted. */
  bytes(): number;
  /** What one connection has received lately; undefined before any unit was noted. */
  bytesPerMs(): number | undefined;
}

export function createUnitSize(): UnitSize {
  let bytes = 0;
  let ms = 0;
  return {
    note(more, elapsedMs) {
      if (more === 0) return;
      bytes = bytes * DECAY + more;
      ms = ms * DECAY + elapsedMs;
    },
    bytesPerMs: () => (ms > 0 ? bytes / ms : undefined),
    bytes: () => Math.max(1, Math.floor(((bytes / Math.max(ms, 1)) * UNIT_MS) / BLOCK_BYTES)) * BLOCK_BYTES,
  };
}
