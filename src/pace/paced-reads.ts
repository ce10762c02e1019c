// Makes reads keep to a pace. A thread that reads synchronously is blocked, and looks for a request to stop meanwhile.

import { setTimeout as sleep } from 'node:timers/promises';
import { createPacer, LOOK_MS, type Pace, type Pacer } from './rate.js';

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
      waitFor(pacer, pacer.take(piece), stop);
    }
  };
}

/**
 * Resolves when so many bytes may be read, and after `maxMs` at the latest: a client takes long silence for the end. What has not had its turn
 * by then is not booked, or others would wait for it.
 */
export async function readInTime(pacer: Pacer, bytes: number, maxMs: number): Promise<void> {
  let leftMs = maxMs;
  for (let left = bytes; left > 0; ) {
    const waitMs = pacer.take(0);
    if (waitMs > leftMs) return await sleep(leftMs);
    const piece = Math.min(left, pacer.chunkBytes);
    left -= piece;
    leftMs -= pacer.take(piece);
    if (waitMs > 0) await sleep(waitMs);
  }
}

/** Resolves when the turn has come of what `waitMs` was returned for. Rejects when `signal` aborts. */
export async function turnOf(pacer: Pacer, waitMs: number, signal?: AbortSignal): Promise<void> {
  const ends = performance.now() + waitMs;
  for (let leftMs = waitMs; leftMs > 0; leftMs = Math.min(ends - performance.now(), pacer.take(0)))
    await sleep(Math.min(leftMs, LOOK_MS), undefined, { signal });
}

function waitFor(pacer: Pacer, waitMs: number, stop: () => void): void {
  const ends = performance.now() + waitMs;
  for (let leftMs = waitMs; leftMs > 0; leftMs = Math.min(ends - performance.now(), pacer.take(0))) {
    stop();
    Atomics.wait(NEVER_WOKEN, 0, 0, Math.min(leftMs, SLICE_MS));
  }
}

const NEVER_WOKEN = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));
