// The hashes of a file's blocks, and its digest, which is made from these alone: who has them needs no byte of the file.

import { BLOCK_BYTES, BLOCK_DIGEST_BYTES, hexOf } from './digest.js';
import { createXxh64, type Xxh64 } from './kernels/xxh64.js';

/** Hashes one file after another, each block by itself. */
export interface BlockHasher {
  /** The buffer to read into. */
  buffer: Buffer;
  begin(): void;
  update(bytes: Uint8Array): void;
  /** Takes so many zeros: whole blocks, after whole blocks. */
  zeros(bytes: number): void;
  end(): { digest: string; blocks: Uint8Array };
}

export function createBlockHasher(bufferBytes: number): BlockHasher {
  const hash = createXxh64(bufferBytes);
  let blocks = new Uint8Array(64 * BLOCK_DIGEST_BYTES);
  let end = 0;
  /** Bytes of the block that is not whole yet. */
  let begun = 0;

  function add(digest: Uint8Array): void {
    if (end === blocks.length) {
      const longer = new Uint8Array(2 * end); // 8 MiB for a TiB
      longer.set(blocks);
      blocks = longer;
    }
    blocks.set(digest, end);
    end += BLOCK_DIGEST_BYTES;
  }

  function endBlock(): void {
    add(hash.digest());
    begun = 0;
  }

  return {
    buffer: hash.buffer,
    begin() {
      hash.reset();
      end = begun = 0;
    },
    update(bytes) {
      for (let at = 0; at < bytes.length; ) {
        const next = Math.min(bytes.length, at + BLOCK_BYTES - begun);
        hash.update(bytes.subarray(at, next));
        begun += next - at;
        at = next;
        if (begun === BLOCK_BYTES) endBlock();
      }
    },
    zeros(bytes) {
      for (let left = bytes; left > 0; left -= BLOCK_BYTES) add(zeroBlockHash(BLOCK_BYTES));
    },
    end() {
      if (begun > 0) endBlock();
      const whole = blocks.slice(0, end);
      return { digest: digestWith(hash, whole), blocks: whole };
    },
  };
}

/** The digest of a file that has these blocks, 8 bytes each: 16 hex digits. */
export function blockDigestOf(blocks: Uint8Array): string {
  own ??= createXxh64();
  return digestWith(own, blocks);
}

let own: Xxh64 | undefined;

/** The hash of a block of so many zeros; a block at the end of a file may be short. Not to be written to. */
export function zeroBlockHash(bytes: number): Uint8Array {
  if (bytes !== BLOCK_BYTES) return hashOfZeros(bytes);
  ofZeroBlock ??= hashOfZeros(BLOCK_BYTES);
  return ofZeroBlock;
}

let ofZeroBlock: Uint8Array | undefined;

function hashOfZeros(bytes: number): Uint8Array {
  own ??= createXxh64();
  own.update(new Uint8Array(bytes));
  return Uint8Array.from(own.digest());
}

function digestWith(hash: Xxh64, blocks: Uint8Array): string {
  hash.update(blocks);
  return hexOf(hash.digest());
}
