// Bytes → digest: whole files in the Sidecar's text forms, and XXH64 of blocks. Never opens or closes a file.

import { readSync } from 'node:fs';
import { createCRC32, createMD5, createXXHash32, createXXHash64, type IHasher } from 'hash-wasm';

/** The first two are the Sidecar's (DigestAlgorithmFactory); only an lm agent knows the others. */
export const DIGEST_ALGORITHMS = ['xxhash32', 'md5', 'xxhash64', 'crc32c'] as const;
export type DigestAlgorithm = (typeof DIGEST_ALGORITHMS)[number];

/** Frames carry one XXH64 for each such block of a file; the last may be shorter. */
export const BLOCK_BYTES = 1 << 20;
export const BLOCK_DIGEST_BYTES = 8;

/** Castagnoli's polynomial, bits reversed: the CRC of Cassandra's `*-Digest.crc32` is another one. */
const CRC32C = 0x82f63b78;

const CREATE: Record<DigestAlgorithm, () => Promise<IHasher>> = {
  xxhash32: () => createXXHash32(),
  md5: () => createMD5(),
  xxhash64: () => createXXHash64(),
  crc32c: () => createCRC32(CRC32C),
};

/** A thread digests one file at a time, so one hasher an algorithm and one buffer are enough for all. */
const hashers: Partial<Record<DigestAlgorithm, IHasher>> = {};
let buffer: Buffer | undefined;

/** Longer reads are no faster, and what they read has left the core's own cache when it is hashed. */
const READ_BYTES = 256 << 10;

/** Loads an algorithm into this thread. `digestFd` needs its own; `nameHash` needs xxhash64. */
export async function ready(algorithm: DigestAlgorithm = 'xxhash64'): Promise<void> {
  hashers[algorithm] ??= await CREATE[algorithm]();
}

/**
 * Reads the file from its first byte, wherever the descriptor stands. Throws the raw system error of a failed read.
 * The text is what a Sidecar answers: MD5 in padded Base64, the others in lower-case hex without leading zeros.
 */
export function digestFd(fd: number, algorithm: DigestAlgorithm): { digest: string; bytes: number } {
  const hasher = loaded(algorithm).init();
  buffer ??= Buffer.allocUnsafe(READ_BYTES);
  let bytes = 0;
  for (;;) {
    const got = readSync(fd, buffer, 0, buffer.length, bytes);
    if (got === 0) return { digest: textOf(hasher, algorithm), bytes };
    hasher.update(got === buffer.length ? buffer : buffer.subarray(0, got));
    bytes += got;
  }
}

function textOf(hasher: IHasher, algorithm: DigestAlgorithm): string {
  if (algorithm !== 'md5') return withoutLeadingZeros(hasher.digest());
  return Buffer.from(hasher.digest('binary')).toString('base64');
}

/** Equal digests of one algorithm, whether or not either side padded its hex. */
export const sameDigest = (algorithm: DigestAlgorithm, a: string, b: string): boolean =>
  algorithm === 'md5' ? a === b : withoutLeadingZeros(a.toLowerCase()) === withoutLeadingZeros(b.toLowerCase());

const withoutLeadingZeros = (hex: string): string => hex.replace(/^0+(?=.)/, '');

/** XXH64 (seed 0) of one block after another, at about 0.4 µs a call besides the hashing itself. */
export interface BlockHasher {
  update(bytes: Uint8Array): void;
  /** 8 bytes, little-endian, of what `update` took since the last digest or reset; the next block begins. */
  digest(): Uint8Array;
  /** Forgets an unfinished block. */
  reset(): void;
}

export async function createBlockHasher(): Promise<BlockHasher> {
  const hasher = (await createXXHash64()).init();
  return {
    update: (bytes) => {
      hasher.update(bytes);
    },
    digest: () => {
      const littleEndian = hasher.digest('binary').reverse();
      hasher.init();
      return littleEndian;
    },
    reset: () => {
      hasher.init();
    },
  };
}

/** 16 hex digits of the XXH64 of a name's UTF-8: part names are made of it, and must not change between versions. */
export const nameHash = (name: string): string => loaded('xxhash64').init().update(name).digest();

function loaded(algorithm: DigestAlgorithm): IHasher {
  const hasher = hashers[algorithm];
  if (!hasher) throw new Error(`digest algorithm ${algorithm} was used before it was ready`);
  return hasher;
}
