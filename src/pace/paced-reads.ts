// Makes a thread that reads synchronously keep to a pace. It blocks the thread, and looks for a request to stop meanwhile.

import { createPacer, type Pace } from './rate.js';

/** How long a thread sleeps before it looks again whether anybody still waits for what it reads. */
const SLICE_MS = 20;

/** Call the function before each read of so many bytes; undefined where there is no pace to keep to. It throws what `stop` throws. */
export function pacedReads(paces: readonly Pace[], stop: () => void): ((bytes: number) => void) | undefined {
  if (paces.length === 0) return undefined;
  const pacer = createPacer(paces);
  return (bytes) => {
    // Piece by piece: a whole read at a low limit would book seconds of the clock that other threads, and signs of life, wait for too.
    for (let left = bytes; left > 0; ) {
      const piece = Math.min(left, pacer.chunkBytes);
      left -= piece;
      waitFor(pacer.take(piece), stop);
    }
  };
}

function waitFor(waitMs: number, stop: () => void): void {
  const ends = performance.now() + waitMs;
  for (let leftMs = waitMs; leftMs > 0; leftMs = ends - performance.now()) {
    stop();
    Atomics.wait(NEVER_WOKEN, 0, 0, Math.min(leftMs, SLICE_MS));
  }
}

const NEVER_WOKEN = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));
