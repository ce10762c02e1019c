// Reads a file and computes its digest. The caller opens and closes it.

import { holesOf } from '../linux/holes.js';
import { givenUp } from '../threads/stop-flag.js';
import { createBlockHasher } from './block-hashes.js';
import { CRC32C } from './crc32c.js';
import { BLOCK_BYTES, BLOCK_DIGEST, type FileAlgorithm, hexOf, withoutLeadingZeros } from './digest.js';
import type { IHasher } from './kernels/hash-wasm.js';
import { createXxh64 } from './kernels/xxh64.js';
import { DIRECT_BYTES, directBytes, type OpenFile, pageAligned, readAt } from './open-file.js';

/** `blocks`: the hash of each block, of the algorithm that has them. */
export interface Digest {
  digest: string;
  blocks?: Uint8Array;
}

/** Digests one file after another. */
interface FileHasher {
  /** The buffer to read into, of `DIRECT_BYTES`, page-aligned. */
  buffer: Buffer;
  begin(): void;
  update(bytes: Uint8Array): void;
  /** Takes so many zeros, whole blocks, without hashing them; undefined where the algorithm cannot. */
  zeros?(bytes: number): void;
  /** The text that a Sidecar answers: MD5 in padded Base64, the others in lower-case hex without leading zeros. */
  end(): Digest;
}

/** Longer reads from the page cache are no faster, and their bytes have left the core's own cache by the time they are hashed. */
const READ_BYTES = 256 << 10;

const CREATE: Record<FileAlgorithm, () => Promise<FileHasher>> = {
  xxhash32: () => hashWasm(({ createXXHash32 }) => createXXHash32()),
  md5: () =>
    hashWasm(
      ({ createMD5 }) => createMD5(),
      (hasher) => Buffer.from(hasher.digest('binary')).toString('base64'),
    ),
  xxhash64: async () => {
    const { buffer, reset, update, digest } = createXxh64(DIRECT_BYTES);
    return { buffer, begin: reset, update, end: () => ({ digest: withoutLeadingZeros(hexOf(digest())) }) };
  },
  crc32c: () => hashWasm(({ createCRC32 }) => createCRC32(CRC32C)),
  [BLOCK_DIGEST]: async () => createBlockHasher(DIRECT_BYTES),
};

/** hash-wasm is loaded on demand: a copy, and each of its threads, does not need these 250 KB. */
async function hashWasm(
  create: (module: typeof import('./kernels/hash-wasm.js')) => Promise<IHasher>,
  text = (hasher: IHasher): string => withoutLeadingZeros(hasher.digest()),
): Promise<FileHasher> {
  const hasher = await create(await import('./kernels/hash-wasm.js'));
  return {
    buffer: pageAligned(DIRECT_BYTES),
    begin: () => void hasher.init(),
    update: (bytes) => void hasher.update(bytes),
    end: () => ({ digest: text(hasher) }),
  };
}

/** One hasher for each algorithm is enough, because a thread digests one file at a time. */
const hashers: Partial<Record<FileAlgorithm, FileHasher>> = {};

/** Loads an algorithm into this thread, for `digestFd`. */
export async function ready(algorithm: FileAlgorithm): Promise<void> {
  hashers[algorithm] ??= await CREATE[algorithm]();
}

/** Where `digestOf` wants the bytes, of an algorithm that is `ready`. */
export const bufferFor = (algorithm: FileAlgorithm): Buffer => hasherOf(algorithm).buffer;

/** The digest of the first bytes of `bufferFor`. */
export function digestOf(algorithm: FileAlgorithm, bytes: number): string {
  const hasher = hasherOf(algorithm);
  hasher.begin();
  hasher.update(hasher.buffer.subarray(0, bytes));
  return hasher.end().digest;
}

function hasherOf(algorithm: FileAlgorithm): FileHasher {
  const hasher = hashers[algorithm];
  if (!hasher) throw new Error(`digest algorithm ${algorithm} was used before it was ready`);
  return hasher;
}

/** What is called while a file is read. */
export interface ReadHooks {
  /** Called before each read: whether nobody waits for the digest any more. */
  isGivenUp(): boolean;
  /** Called with the bytes of each read. May block, to keep a pace, and throw, when nobody waits any more. */
  read?(bytes: Uint8Array): void;
  /** Called with how many zeros of a hole were not read. Where it is absent, holes are read. */
  skipped?: ((bytes: number) => void) | undefined;
}

/**
 * Reads a file from its first byte, or that of its range, whatever the descriptor's position. It asks for one byte more than the file has, or
 * for more: the read that brings all but that is the last. `end` is where the bytes read end: before the end of the file, or of the range, if
 * the file is shorter, and beyond if it is longer. Throws the system's error of a failed read, or `givenUp`.
 */
export function digestFd(file: OpenFile, algorithm: FileAlgorithm, hooks?: ReadHooks): Digest & { end: number } {
  const hasher = hasherOf(algorithm);
  const { buffer } = hasher;
  hasher.begin();
  const limit = limitOf(file);
  const holes = hasher.zeros && hooks?.skipped && file.hasHoles ? createHoleFinder(file) : undefined;
  for (let at = file.range?.offset ?? 0; ; ) {
    if (hooks?.isGivenUp()) throw givenUp();
    const zeros = holes?.(at, limit) ?? 0;
    if (zeros > 0) {
      hasher.zeros!(zeros);
      hooks!.skipped!(zeros);
      at += zeros;
      if (at === limit) return { ...hasher.end(), end: at };
    }
    const wanted = file.direct ? directBytes(limit - at) : Math.min(READ_BYTES, limit - at);
    const got = readAt(file, buffer, 0, wanted, at);
    const read = buffer.subarray(0, got);
    hasher.update(read);
    hooks?.read?.(read);
    at += got;
    if (at === limit || isLast(got, wanted, at, file.size)) return { ...hasher.end(), end: at };
  }
}

/** Returns a function that tells how many whole blocks lie in a hole from a position on, in bytes; 0 where that is not where a block begins. */
function createHoleFinder(file: OpenFile): (at: number, limit: number) => number {
  let data = -1;
  return (at, limit) => {
    if (at % BLOCK_BYTES !== 0) return 0;
    if (data < at) data = holesOf(file.fd)?.nextData(at) ?? at; // the descriptor may be another by now
    const end = Math.min(data, limit, file.size);
    return Math.max(0, end - (end % BLOCK_BYTES) - at);
  };
}

/** Where reading ends at the latest: with a range, or a byte behind the file. */
function limitOf({ size, range }: OpenFile): number {
  const end = range ? range.offset + range.length : size;
  return end < size ? end : size + 1;
}

/** Whether a read that asked for `wanted` bytes, of a file of which `bytes` are read now, was the last. */
export const isLast = (got: number, wanted: number, bytes: number, size: number): boolean =>
  got === 0 || bytes > size || (got < wanted && bytes === size);
