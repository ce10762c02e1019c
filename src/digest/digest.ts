// The names of digests and their texts, in the Sidecar's forms, and the hash of a text. digest/digest-fd.ts computes them of files.

import { createXxh64 } from './kernels/xxh64.js';

/** What an operator may ask for. The first two are the Sidecar's (DigestAlgorithmFactory); only an lm agent knows the others. */
export const DIGEST_ALGORITHMS = ['xxhash32', 'md5', 'xxhash64', 'crc32c'] as const;
export type DigestAlgorithm = (typeof DIGEST_ALGORITHMS)[number];

/**
 * Of the hashes of a file's blocks, which a proof keeps. Between lm ends alone, of which the listing's header says `blocks`: no operator and
 * no Sidecar asks for it.
 */
export const BLOCK_DIGEST = 'xxhash64-blocks';

/** All that one lm end asks of another. */
export const FILE_ALGORITHMS = [...DIGEST_ALGORITHMS, BLOCK_DIGEST] as const;
export type FileAlgorithm = (typeof FILE_ALGORITHMS)[number];

/** Frames carry one XXH64 for each block of a file, and a proof keeps them; the last block may be shorter. */
export const BLOCK_BYTES = 1 << 20;
export const BLOCK_DIGEST_BYTES = 8;

/** Whether digests of one algorithm are equal, whether or not either side padded its hex. */
export const sameDigest = (algorithm: FileAlgorithm, a: string, b: string): boolean =>
  a === b || (algorithm !== 'md5' && withoutLeadingZeros(a.toLowerCase()) === withoutLeadingZeros(b.toLowerCase()));

export const withoutLeadingZeros = (hex: string): string => hex.replace(/^0+(?=.)/, '');

/** 16 hex digits of the XXH64 of a text's UTF-8. Names of parts are made from it, so it must not change between versions. */
export function textHash(text: string): string {
  texts ??= createXxh64();
  texts.update(Buffer.from(text));
  return hexOf(texts.digest());
}

let texts: ReturnType<typeof createXxh64> | undefined;

/** XXH64 is written as a number: the last byte of the little-endian form first. Of each name: to reverse a `Buffer` took 0.15 µs more. */
export function hexOf(littleEndian: Uint8Array): string {
  let hex = '';
  for (let at = littleEndian.length - 1; at >= 0; at--) hex += HEX[littleEndian[at]!];
  return hex;
}

/** The two digits of each byte. */
const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));
