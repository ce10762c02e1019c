// How much a connection is asked for at once: some seconds' worth of what connections have brought lately. Keeps no clock.

import { BLOCK_BYTES } from '../digest/digest.js';

/** Long beside a round trip; short enough for no connection to be waited for at the end, and for an older agent to prove what it sent. */
const UNIT_MS = 4_000;

/** Of earlier units, for each new one: the last five make up two thirds of what is gone by. */
const FADES = 0.8;

export interface UnitSize {
  /** A unit has brought so many bytes in so long, as far as it got. */
  note(bytes: number, elapsedMs: number): void;
  /** Of the next one: a multiple of 1 MiB, and 1 MiB before anything is known. */
  bytes(): number;
}

export function createUnitSize(): UnitSize {
  let bytes = 0;
  let ms = 0;
  return {
    note(more, elapsedMs) {
      if (more === 0) return;
      bytes = bytes * FADES + more;
      ms = ms * FADES + elapsedMs;
    },
    bytes: () => Math.max(1, Math.floor(((bytes / Math.max(ms, 1)) * UNIT_MS) / BLOCK_BYTES)) * BLOCK_BYTES,
  };
}
