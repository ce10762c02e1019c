// Reads a slice of an open file as chunks of one reused buffer, and hashes its blocks with XXH64.

import { read, readSync } from 'node:fs';
import { BLOCK_BYTES } from '../../digest/digest.js';
import { createXxh64, type Xxh64 } from '../../digest/kernels/xxh64.js';

/** Why a file cannot be read as it was stat-ed. */
export type ReadProblem = 'shrunk' | NodeJS.ErrnoException;

/** Small enough to be read, hashed and written to the socket while it is in a core's own cache. A block is a multiple of it. */
const CHUNK_BYTES = 256 << 10;

/** Room behind a chunk, so that a seal is sent in the same write. It is a page, so that chunks begin on one. */
const BEHIND_BYTES = 4096;

export interface SliceSink {
  /** Called with the problem; the rest then comes as zeros, to the promised length. Without it, the problem is thrown. */
  onProblem?(problem: ReadProblem): void;
  /**
   * Called with the XXH64 of each block, counted from `start`, before its last chunk is yielded; the last block may be shorter. The few
   * bytes that it returns are yielded behind that chunk.
   */
  onBlock?(digest: Uint8Array): Uint8Array | undefined;
  /** How much longer than from memory the reads may take before other threads do them. */
  patienceMs?: number;
}

const HALF_BYTES = CHUNK_BYTES + BEHIND_BYTES;

/** Chunks from `start` up to `end`. Each is valid until the next is requested. */
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
      ahead?.catch(() => {}); // the await above throws it
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
    if (spare.length < MAX_SPARE) spare.push(hasher);
  } finally {
    await ahead?.catch(() => {}); // the caller may close the descriptor after this
  }
}

/** Hashers for reuse, of slices sent to the end: the kernel or TLS may still read the buffer of a broken connection. */
const spare: Xxh64[] = [];
const MAX_SPARE = 16;

/** The speed of a slow memory: a slower read came from a disk, or the thread was held up. */
const MEMORY_BYTES_PER_MS = 512 << 10;

/** A thread that is held up now and then does not count as a slow disk; a range of 64 MiB from a disk costs no more than this. */
const PATIENCE_MS = 10;

/**
 * Fills buffers, in order. A file in memory is read in this thread: through another thread it would come by way of another core's cache.
 * Once reads are slow, which means a disk, Node's own threads do them, so that other requests do not wait.
 */
function createReader(fd: number, { onProblem, patienceMs = PATIENCE_MS }: SliceSink) {
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
      if (!onProblem) throw error;
      onProblem((error as { shrunk?: true }).shrunk ? 'shrunk' : (error as NodeJS.ErrnoException));
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
