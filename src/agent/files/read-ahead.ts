// A slice of an open file as chunks of one reused buffer, and the XXH64 of its blocks. Sends nothing.

import { read, readSync } from 'node:fs';
import { BLOCK_BYTES } from '../../digest/digest.js';
import { createXxh64, type Xxh64 } from '../../digest/kernels/xxh64.js';

/** What keeps a file from being sent as it was stat-ed. */
export type Trouble = 'shrunk' | NodeJS.ErrnoException;

/** Read, hashed and handed to the kernel again while a core's own cache holds it. A block is a multiple of it. */
const CHUNK_BYTES = 256 << 10;

/** Behind a chunk, for what is to be sent with it, which so needs no write of its own. A page, so that chunks begin on one. */
const BEHIND_BYTES = 4096;

export interface SliceSink {
  /** Hears why, and what is left comes as zeros, to the promised length. Without it, trouble is thrown. */
  onTrouble?(trouble: Trouble): void;
  /**
   * Hears the XXH64 of each block, counted from `start`, before its last chunk is handed out; the last block may be shorter. What it
   * returns, a few bytes, is handed out behind that chunk.
   */
  onBlock?(digest: Uint8Array): Uint8Array | undefined;
  /** How much longer than from memory reading may take before it is left to other threads. */
  patienceMs?: number;
}

const HALF_BYTES = CHUNK_BYTES + BEHIND_BYTES;

/** Chunks from `start` up to `end`. Each is valid until the next is asked for. */
export async function* readAhead(
  fd: number,
  start: number,
  end: number,
  sink: SliceSink = {},
): AsyncGenerator<Uint8Array> {
  const hasher = spare.pop() ?? createXxh64(2 * HALF_BYTES);
  const read = createReader(fd, sink);
  const halves = [hasher.buffer.subarray(0, HALF_BYTES), hasher.buffer.subarray(HALF_BYTES)] as const;
  const halfAt = (at: number): Buffer => halves[((at - start) / CHUNK_BYTES) % 2]!;
  const fill = (at: number): Promise<Uint8Array> => read(halfAt(at).subarray(0, Math.min(CHUNK_BYTES, end - at)), at);
  let ahead: Promise<Uint8Array> | undefined;
  hasher.reset();
  try {
    for (let at = start; at < end; at += CHUNK_BYTES) {
      const chunk = await (ahead ?? fill(at));
      const next = at + CHUNK_BYTES;
      ahead = read.isSlow() && next < end ? fill(next) : undefined;
      ahead?.catch(() => {}); // thrown where it is awaited
      let behind: Uint8Array | undefined;
      if (sink.onBlock) {
        hasher.update(chunk);
        if ((next - start) % BLOCK_BYTES === 0 || next >= end) behind = sink.onBlock(hasher.digest());
      }
      if (behind) {
        halfAt(at).set(behind, chunk.length);
        yield halfAt(at).subarray(0, chunk.length + behind.length);
      } else yield chunk;
    }
    if (spare.length < MOST_SPARE) spare.push(hasher);
  } finally {
    await ahead?.catch(() => {}); // the descriptor may be closed after this
  }
}

/** Only buffers that have been sent whole come back; the kernel or TLS may still read those of a broken connection. */
const spare: Xxh64[] = [];
const MOST_SPARE = 16;

/** A slow memory's speed: what takes longer was read from a disk, or the thread was held up meanwhile. */
const MEMORY_BYTES_PER_MS = 512 << 10;

/** So that being held up now and then does not count; a range of 64 MiB that comes from a disk costs no more than this. */
const PATIENCE_MS = 10;

/**
 * Fills buffers, in order. What is in memory is read here and now: through another thread it would come by way of another
 * core's cache. What has to come from a disk is read by Node's own threads from then on, so that it keeps nobody else waiting.
 */
function createReader(fd: number, { onTrouble, patienceMs = PATIENCE_MS }: SliceSink) {
  let owedMs = 0;
  const isSlow = (): boolean => owedMs > patienceMs;

  function readHere(buffer: Uint8Array, position: number): number {
    const beganMs = performance.now();
    const got = readSync(fd, buffer, 0, buffer.length, position);
    owedMs = Math.max(0, owedMs + performance.now() - beganMs - got / MEMORY_BYTES_PER_MS);
    return got;
  }

  async function fill(buffer: Uint8Array, position: number): Promise<Uint8Array> {
    let filled = 0;
    try {
      while (filled < buffer.length) {
        const rest = buffer.subarray(filled);
        const got = isSlow() ? await readElsewhere(fd, rest, position + filled) : readHere(rest, position + filled);
        if (got === 0) throw Object.assign(new Error('the file is shorter than it was'), { shrunk: true });
        filled += got;
      }
    } catch (error) {
      if (!onTrouble) throw error;
      onTrouble((error as { shrunk?: true }).shrunk ? 'shrunk' : (error as NodeJS.ErrnoException));
      buffer.fill(0, filled);
    }
    return buffer;
  }

  return Object.assign(fill, { isSlow });
}

const readElsewhere = (fd: number, buffer: Uint8Array, position: number): Promise<number> =>
  new Promise((resolve, reject) =>
    read(fd, buffer, 0, buffer.length, position, (error, got) => (error ? reject(error) : resolve(got))),
  );
