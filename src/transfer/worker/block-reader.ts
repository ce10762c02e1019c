// Reads blocks of a part and hashes them where they were read.

import { readSync } from 'node:fs';
import { BLOCK_BYTES } from '../../digest/digest.js';
import { createXxh64, type Xxh64 } from '../../digest/kernels/xxh64.js';

export interface BlockReader {
  /** The hasher, which hashes what `read` returns without copying it. */
  readonly hash: Xxh64;
  /**
   * A block, until the next is read; zeros follow where the file has only `held` bytes of it. Undefined where the disk cannot read it all: its
   * bytes are lost, and are fetched again.
   */
  read(fd: number, offset: number, length: number, held?: number): Buffer | undefined;
  /** The XXH64 of a block that was read. */
  digest(block: Uint8Array): Uint8Array;
}

export function createBlockReader(): BlockReader {
  let made: Xxh64 | undefined;

  /** Made when a block is first read: most workers never do. */
  function hash(): Xxh64 {
    made ??= createXxh64(BLOCK_BYTES);
    return made;
  }

  function read(fd: number, offset: number, length: number, held = length): Buffer | undefined {
    const { buffer } = hash();
    const end = Math.min(length, held);
    try {
      for (let done = 0; done < end; ) {
        const got = readSync(fd, buffer, done, end - done, offset + done);
        if (got === 0) return undefined;
        done += got;
      }
    } catch {
      return undefined;
    }
    buffer.fill(0, end, length);
    return buffer.subarray(0, length);
  }

  return {
    get hash() {
      return hash();
    },
    read,
    digest(block) {
      const hasher = hash();
      hasher.reset();
      hasher.update(block);
      return hasher.digest();
    },
  };
}
