// A slice of an open file as chunks of two reused buffers: one is being sent while the other is being filled.

import { read } from 'node:fs';
import { BLOCK_BYTES } from '../files/digest.js';

/** What keeps a file from being sent as it was stat-ed. */
export type Trouble = 'shrunk' | NodeJS.ErrnoException;

/**
 * Chunks of 1 MiB from `start` up to `end`, the last one shorter. Each is valid until the next is asked for.
 * On trouble throws, or, with `onTrouble`, fills up with zeros to the promised length.
 */
export async function* readAhead(
  fd: number,
  start: number,
  end: number,
  onTrouble?: (trouble: Trouble) => void,
): AsyncGenerator<Uint8Array> {
  const fill = (buffer: Buffer, at: number) => fillFrom(fd, buffer, at, Math.min(BLOCK_BYTES, end - at), onTrouble);
  let buffer = takeBuffer();
  let other = end - start > BLOCK_BYTES ? takeBuffer() : undefined;
  let ahead = fill(buffer, start);
  try {
    for (let at = start; at < end; at += BLOCK_BYTES) {
      const chunk = await ahead;
      if (other && at + BLOCK_BYTES < end) {
        ahead = fill(other, at + BLOCK_BYTES);
        ahead.catch(() => {}); // thrown where it is awaited
      }
      yield chunk;
      if (other) [buffer, other] = [other, buffer];
    }
    spare.push(buffer, ...(other ? [other] : []));
  } finally {
    await ahead.catch(() => {}); // the descriptor may be closed after this
  }
}

/** Only buffers that have been sent whole come back; the kernel or TLS may still read those of a broken connection. */
const spare: Buffer[] = [];
const MOST_SPARE = 16;

function takeBuffer(): Buffer {
  spare.length = Math.min(spare.length, MOST_SPARE);
  return spare.pop() ?? Buffer.allocUnsafeSlow(BLOCK_BYTES);
}

async function fillFrom(
  fd: number,
  buffer: Buffer,
  position: number,
  bytes: number,
  onTrouble?: (trouble: Trouble) => void,
): Promise<Uint8Array> {
  let filled = 0;
  try {
    while (filled < bytes) {
      const got = await readSome(fd, buffer, filled, bytes - filled, position + filled);
      if (got === 0) throw Object.assign(new Error('the file is shorter than it was'), { shrunk: true });
      filled += got;
    }
  } catch (error) {
    if (!onTrouble) throw error;
    onTrouble((error as { shrunk?: true }).shrunk ? 'shrunk' : (error as NodeJS.ErrnoException));
    buffer.fill(0, filled, bytes);
  }
  return buffer.subarray(0, bytes);
}

const readSome = (fd: number, buffer: Buffer, offset: number, bytes: number, position: number): Promise<number> =>
  new Promise((resolve, reject) =>
    read(fd, buffer, offset, bytes, position, (error, got) => (error ? reject(error) : resolve(got))),
  );
