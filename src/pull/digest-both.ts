// Digests of the same files on both sides, taken at the same time. Says what each side answered; the comparison is all it judges.

import { type DigestAlgorithm, sameDigest } from '../files/digest.js';
import type { DigestAnswer, ListedFile } from '../files/digest-files.js';
import { createDigestPool } from '../files/digest-pool.js';
import { type EntryKey, joinKey, type Row } from '../files/entry.js';
import type { Roots } from '../files/roots.js';
import type { Source } from './source.js';

/** A file both sides list, with the row of each. */
export interface PairOfFiles {
  dir: EntryKey;
  source: Row;
  local: Row;
}

export interface DigestedPair {
  key: EntryKey;
  equal: boolean;
  source: DigestAnswer;
  local: DigestAnswer;
}

export interface DigestBoth {
  /** Starts a thread here already, for which the first comparison would have to wait. */
  start(): void;
  /** In the order asked. Throws what the source throws; an abort ends all there is under way. */
  compare(pairs: readonly PairOfFiles[], signal: AbortSignal): Promise<DigestedPair[]>;
  close(): Promise<void>;
}

export function createDigestBoth(
  source: Source,
  roots: Roots,
  algorithm: DigestAlgorithm,
  threads: number,
): DigestBoth {
  const pool = createDigestPool(threads);
  return {
    start: () => pool.start(algorithm),
    async compare(pairs, signal) {
      const stop = (): void => void pool.close(); // a thread in a big file hears nothing else
      signal.addEventListener('abort', stop, { once: true });
      const [there, here] = await Promise.all([
        sourceDigests(source, algorithm, pairs, signal),
        pool.run({ algorithm, roots, files: pairs.map(({ dir, local }) => listed(dir, local)) }),
      ]).finally(() => signal.removeEventListener('abort', stop));
      return pairs.map(({ dir, source: row }, i) => {
        const [a, b] = [there[i]!, here[i]!];
        const equal = 'digest' in a && 'digest' in b && sameDigest(algorithm, a.digest, b.digest);
        return { key: joinKey(dir, row[0]), equal, source: a, local: b };
      });
    },
    close: () => pool.close(),
  };
}

const listed = (dir: EntryKey, [name, size, mtimeNs, , ino]: Row): ListedFile => ({
  key: joinKey(dir, name),
  size,
  mtimeNs,
  ino,
});

async function sourceDigests(
  source: Source,
  algorithm: DigestAlgorithm,
  pairs: readonly PairOfFiles[],
  signal: AbortSignal,
): Promise<DigestAnswer[]> {
  const answers = new Array<DigestAnswer>(pairs.length).fill({
    result: 'failed',
    message: 'the source did not answer',
  });
  const files = pairs.map(({ dir, source: row }) => listed(dir, row));
  for await (const answer of source.digests(algorithm, files, signal)) answers[answer.index] = answer;
  return answers;
}
