// Digests of big files from those of their ranges, so that several threads share one file. Pure.

import { blockDigestOf } from './block-hashes.js';
import { appendCrc32c } from './crc32c.js';
import { BLOCK_BYTES, BLOCK_DIGEST, type FileAlgorithm } from './digest.js';
import type { DigestAnswer, Digested } from './digest-files.js';
import type { FileRange } from './open-file.js';

/** A range costs a message and an open file. Whole blocks, so that each is hashed by one thread. */
export const RANGE_BYTES = 64 * BLOCK_BYTES;

/** Whether a file's digest follows from those of its ranges. */
export const isComposed = (algorithm: FileAlgorithm): algorithm is Composed =>
  algorithm === BLOCK_DIGEST || algorithm === 'crc32c';
export type Composed = typeof BLOCK_DIGEST | 'crc32c';

export function rangesOf(bytes: number, rangeBytes: number): FileRange[] {
  const ranges: FileRange[] = [];
  for (let offset = 0; offset < bytes; offset += rangeBytes)
    ranges.push({ offset, length: Math.min(rangeBytes, bytes - offset) });
  return ranges;
}

/** The answer for a file, from those for its ranges, which have the hashes of their blocks. Each thread has compared the file with the listing. */
export function composed(
  algorithm: Composed,
  answers: readonly DigestAnswer[],
  ranges: readonly FileRange[],
  reportsBlocks = false,
): DigestAnswer {
  const found: Digested[] = [];
  for (const answer of answers) {
    if ('result' in answer) return answer;
    found.push(answer);
  }
  const [first] = found as [Digested];
  const blocks = algorithm === BLOCK_DIGEST ? Buffer.concat(found.map((one) => one.blocks!)) : undefined;
  const answer: Digested = { digest: blocks ? blockDigestOf(blocks) : crcOf(found, ranges) };
  if (first.young !== undefined) answer.young = found.some(({ young }) => young);
  if (first.ctimeNs !== undefined && found.every(({ ctimeNs }) => ctimeNs === first.ctimeNs))
    answer.ctimeNs = first.ctimeNs;
  if (blocks && reportsBlocks) answer.blocks = blocks;
  if (first.read) answer.read = found.every(({ read }) => read === 'direct') ? 'direct' : 'cached';
  return answer;
}

const crcOf = (found: readonly Digested[], ranges: readonly FileRange[]): string =>
  found
    .reduce((crc, { digest }, i) => appendCrc32c(crc, Number.parseInt(digest, 16), ranges[i]!.length), 0)
    .toString(16);
