// Bytes → digest: whole files in the Sidecar's text forms, and the hash of a name. Never opens or closes a file.

import { readSync } from 'node:fs';
import { type ByteCounter, countBytes } from '../threads/byte-counter.js';
import { givenUp, isRaised, type StopFlag } from '../threads/stop-flag.js';
import type { IHasher } from './kernels/hash-wasm.js';
import { createXxh64 } from './kernels/xxh64.js';

/** The first two are the Sidecar's (DigestAlgorithmFactory); only an lm agent knows the others. */
export const DIGEST_ALGORITHMS = ['xxhash32', 'md5', 'xxhash64', 'crc32c'] as const;
export type DigestAlgorithm = (typeof DIGEST_ALGORITHMS)[number];

/** Frames carry one XXH64 for each such block of a file; the last may be shorter. */
export const BLOCK_BYTES = 1 << 20;
export const BLOCK_DIGEST_BYTES = 8;

/** Castagnoli's polynomial, bits reversed: the CRC of Cassandra's `*-Digest.crc32` is another one. */
const CRC32C = 0x82f63b78;

/** Of one file after another. */
interface FileHasher {
  /** To read into. */
  buffer: Buffer;
  begin(): void;
  update(bytes: Uint8Array): void;
  /** What a Sidecar answers: MD5 in padded Base64, the others in lower-case hex without leading zeros. */
  text(): string;
}

/** Longer reads are no faster, and what they read has left the core's own cache when it is hashed. */
const READ_BYTES = 256 << 10;

const CREATE: Record<DigestAlgorithm, () => Promise<FileHasher>> = {
  xxhash32: () => hashWasm(({ createXXHash32 }) => createXXHash32()),
  md5: () =>
    hashWasm(
      ({ createMD5 }) => createMD5(),
      (hasher) => Buffer.from(hasher.digest('binary')).toString('base64'),
    ),
  xxhash64: async () => {
    const { buffer, reset, update, digest } = createXxh64(READ_BYTES);
    return { buffer, begin: reset, update, text: () => withoutLeadingZeros(hexOf(digest())) };
  },
  crc32c: () => hashWasm(({ createCRC32 }) => createCRC32(CRC32C)),
};

/** Loaded when it is needed: a copy, and each of its threads, does without these 250 KB. */
async function hashWasm(
  create: (module: typeof import('./kernels/hash-wasm.js')) => Promise<IHasher>,
  text = (hasher: IHasher): string => withoutLeadingZeros(hasher.digest()),
): Promise<FileHasher> {
  const hasher = await create(await import('./kernels/hash-wasm.js'));
  return {
    buffer: Buffer.allocUnsafeSlow(READ_BYTES),
    begin: () => void hasher.init(),
    update: (bytes) => void hasher.update(bytes),
    text: () => text(hasher),
  };
}

/** A thread digests one file at a time, so one hasher an algorithm is enough for all. */
const hashers: Partial<Record<DigestAlgorithm, FileHasher>> = {};

/** Loads an algorithm into this thread, for `digestFd`. */
export async function ready(algorithm: DigestAlgorithm): Promise<void> {
  hashers[algorithm] ??= await CREATE[algorithm]();
}

/** Reads the file from its first byte, wherever the descriptor stands. Throws the raw system error of a failed read, or `givenUp`. */
export function digestFd(
  fd: number,
  algorithm: DigestAlgorithm,
  { stop, counter }: { stop?: StopFlag; counter?: ByteCounter } = {},
): { digest: string; bytes: number } {
  const hasher = hashers[algorithm];
  if (!hasher) throw new Error(`digest algorithm ${algorithm} was used before it was ready`);
  const { buffer } = hasher;
  hasher.begin();
  let bytes = 0;
  for (;;) {
    if (isRaised(stop)) throw givenUp();
    const got = readSync(fd, buffer, 0, buffer.length, bytes);
    if (got === 0) return { digest: hasher.text(), bytes };
    hasher.update(buffer.subarray(0, got));
    bytes += got;
    if (counter) countBytes(counter, got);
  }
}

/** Equal digests of one algorithm, whether or not either side padded its hex. */
export const sameDigest = (algorithm: DigestAlgorithm, a: string, b: string): boolean =>
  algorithm === 'md5' ? a === b : withoutLeadingZeros(a.toLowerCase()) === withoutLeadingZeros(b.toLowerCase());

const withoutLeadingZeros = (hex: string): string => hex.replace(/^0+(?=.)/, '');

/** 16 hex digits of the XXH64 of a name's UTF-8: part names are made of it, and must not change between versions. */
export function nameHash(name: string): string {
  names ??= createXxh64();
  names.update(Buffer.from(name));
  return hexOf(names.digest());
}

let names: ReturnType<typeof createXxh64> | undefined;

/** XXH64 is written as a number: its last byte first. */
export const hexOf = (littleEndian: Uint8Array): string => Buffer.from(littleEndian).reverse().toString('hex');
