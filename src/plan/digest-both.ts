// Digests of the same files on both sides, taken at the same time. Says what each side answered; the comparison is all it judges.

import { type DigestAlgorithm, sameDigest } from '../digest/digest.js';
import type { DigestAnswer, ListedFile } from '../digest/digest-files.js';
import { createDigestPool } from '../digest/digest-pool.js';
import { type Entry, type EntryKey, joinKey, NO_INODE } from '../files/entry.js';
import type { Roots } from '../files/roots.js';
import { mayBeYoung } from '../files/young.js';
import type { Source } from '../source/source.js';
import { byteCounter, bytesIn } from '../threads/byte-counter.js';

/** A file both sides list, with the entry of each. */
export interface PairOfFiles {
  dir: EntryKey;
  source: Entry;
  local: Entry;
}

export interface DigestedPair {
  key: EntryKey;
  equal: boolean;
  /** Equal, but the next write at the source may not show: its file was young when it was read. */
  young: boolean;
  source: DigestAnswer;
  local: DigestAnswer;
}

export interface DigestBoth {
  /** Starts a thread here already, for which the first comparison would have to wait. */
  start(): void;
  /** In the order asked. Throws what the source throws; an abort ends all there is under way. */
  compare(pairs: readonly PairOfFiles[], signal: AbortSignal): Promise<DigestedPair[]>;
  /** Bytes read here so far, of files that are under way too. */
  bytesRead(): number;
  close(): Promise<void>;
}

export function createDigestBoth(
  source: Source,
  roots: Roots,
  algorithm: DigestAlgorithm,
  threads: number,
): DigestBoth {
  const pool = createDigestPool(threads);
  const counter = byteCounter();
  return {
    bytesRead: () => bytesIn(counter),
    start: () => pool.start(algorithm),
    async compare(pairs, signal) {
      const beganMs = Date.now();
      const stop = (): void => void pool.close(); // a thread in a big file hears nothing else
      signal.addEventListener('abort', stop, { once: true });
      const [there, here] = await Promise.all([
        sourceDigests(source, algorithm, pairs, signal),
        pool.run({
          ...{ algorithm, roots, opensOwn: true, counter },
          files: pairs.map(({ dir, local }) => listed(dir, local)),
        }),
      ]).finally(() => signal.removeEventListener('abort', stop));
      return pairs.map(({ dir, source: entry }, i) => {
        const [a, b] = [there[i]!, here[i]!];
        const equal = 'digest' in a && 'digest' in b && sameDigest(algorithm, a.digest, b.digest);
        const young = equal && 'digest' in a && (a.young ?? mayBeYoung(BigInt(entry.mtimeNs), beganMs));
        return { key: joinKey(dir, entry.name), equal, young, source: a, local: b };
      });
    },
    close: () => pool.close(),
  };
}

const listed = (dir: EntryKey, { name, size, mtimeNs, ino = NO_INODE }: Entry): ListedFile => ({
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
  const files = pairs.map(({ dir, source: entry }) => listed(dir, entry));
  for await (const answer of source.digests(algorithm, files, signal)) answers[answer.index] = answer;
  return answers;
}
