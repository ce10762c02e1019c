// XXH64 of 1 MiB blocks: what both ends compute while file bytes move. Knows no files and no frames.

import { createXXHash64 } from 'hash-wasm';

/** A block of a file, aligned to its offset. The last one of a file may be shorter. */
export const BLOCK_BYTES = 1 << 20;

/** A block hash on the wire: a little-endian uint64. */
export const BLOCK_HASH_BYTES = 8;

export const blocksOf = (bytes: number): number => Math.ceil(bytes / BLOCK_BYTES);

/**
 * Hashes consecutive blocks. One value serves one stream at a time; a second stream of the same thread needs its own.
 */
export interface BlockHash {
  update(bytes: Uint8Array): void;
  /** Ends a block: writes its 8 bytes to `into` at `at` and begins the next block. */
  endBlock(into: Uint8Array, at: number): void;
  /** Forgets a block begun and not ended. */
  reset(): void;
}

/** Seed 0. Resolves as soon as the WebAssembly is compiled. */
export async function createBlockHash(): Promise<BlockHash> {
  const hasher = await createXXHash64();
  hasher.init();
  return {
    update: (bytes) => void hasher.update(bytes),
    endBlock: (into, at) => {
      into.set(hasher.digest('binary').reverse(), at); // the library writes the number with its high byte first
      hasher.init();
    },
    reset: () => void hasher.init(),
  };
}
