// Memory in the same state before every turn. Pages that a virtual machine has given back to its host are slow to come by, and it gives
// back what has been free for a few seconds. Measures nothing.

import { closeSync, openSync, unlinkSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate as breathe } from 'node:timers/promises';
import { KIB, MIB } from './data.js';

const PAGE_BYTES = 4 * KIB;
/** What is free goes back in blocks of 128 KiB or more; one page in every half of one keeps it. */
const PIECE_BYTES = 64 * KIB;
const BREATH_BYTES = 16 * MIB;

/**
 * Writes so many bytes into files of `dir`, a tmpfs, and frees them, but for a page here and there, which keep the rest from going
 * back to the host. Returns what frees those too. The files have no names: nothing can be left behind.
 */
export async function touchMemory(dir: string, bytes: number, signal: AbortSignal): Promise<() => void> {
  const freed = openNameless(join(dir, 'freed'));
  const kept = openNameless(join(dir, 'kept'));
  try {
    const piece = Buffer.alloc(PIECE_BYTES - PAGE_BYTES, 1);
    const page = Buffer.alloc(PAGE_BYTES, 1);
    for (let done = 0; done < bytes; done += PIECE_BYTES) {
      writeSync(kept, page);
      writeSync(freed, piece);
      if (done % BREATH_BYTES !== 0) continue;
      await breathe(); // writing is synchronous, and signals wait
      signal.throwIfAborted();
    }
  } catch (error) {
    closeSync(kept);
    throw error;
  } finally {
    closeSync(freed);
  }
  return () => closeSync(kept);
}

function openNameless(path: string): number {
  const fd = openSync(path, 'wx', 0o600);
  unlinkSync(path);
  return fd;
}
