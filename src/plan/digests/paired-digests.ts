// Takes the digests of the same files on both sides at the same time, and compares them.

import { BLOCK_DIGEST, type FileAlgorithm, sameDigest } from '../../digest/digest.js';
import type { DigestAnswer } from '../../digest/digest-files.js';
import { createDigestPool } from '../../digest/digest-pool.js';
import type { ListedFile } from '../../digest/listed-file.js';
import { type Entry, type EntryKey, joinKey, NO_INODE } from '../../files/entry.js';
import type { Roots } from '../../files/roots.js';
import { mayBeYoung } from '../../files/young.js';
import type { LocalPace } from '../../pace/local-pace.js';
import type { Yieldings, YieldState } from '../../pace/yielding.js';
import type { DigestOptions, Source } from '../../source/source.js';
import { byteCounter, bytesIn } from '../../threads/byte-counter.js';
import type { SourceProgress } from '../../wire/digest-progress.js';

/** A file that both sides list, with the entry of each. */
export interface PairOfFiles {
  dir: EntryKey;
  source: Entry;
  local: Entry;
}

export interface DigestedPair {
  key: EntryKey;
  equal: boolean;
  /** The digests are equal, but the source's file was young when it was read: its next write may not show. */
  young: boolean;
  source: DigestAnswer;
  local: DigestAnswer;
}

export interface PairedDigests {
  /** Starts a local thread, so that the first comparison need not wait for it. */
  start(): void;
  /** Returns the results in the order of `pairs`. Throws what the source throws; an abort ends everything under way. */
  compare(pairs: readonly PairOfFiles[], signal: AbortSignal): Promise<DigestedPair[]>;
  /** The answers of the source for some pairs and of this host for others, each in order, taken at the same time. */
  answers(
    there: readonly PairOfFiles[],
    here: readonly PairOfFiles[],
    signal: AbortSignal,
  ): Promise<[there: DigestAnswer[], here: DigestAnswer[]]>;
  /** Bytes read on this host so far, those of files under way included. */
  bytesRead(): number;
  /** Bytes that the source has read so far, as far as it says; for one that says nothing of it, those of files that it has answered for. */
  bytesReadThere(): number;
  /** How the two ends make room for others who wait for their disks; an end that does not is absent. */
  yielding(): Yieldings;
  close(): Promise<void>;
}

interface PairedOptions extends Pick<DigestOptions, 'sstables'> {
  /** What reading on this host keeps to. */
  pace?: LocalPace | undefined;
}

export function createPairedDigests(
  source: Pick<Source, 'digests'>,
  roots: Roots,
  algorithm: FileAlgorithm,
  threads: number,
  { sstables = false, pace }: PairedOptions = {},
): PairedDigests {
  const pool = createDigestPool(threads);
  const counter = byteCounter();
  let endedThere = 0;
  let yieldingThere: YieldState | undefined;
  const underWay = new Map<object, number>();
  const fromSource = async (pairs: readonly PairOfFiles[], signal: AbortSignal): Promise<DigestAnswer[]> => {
    const call = {};
    const progress = ({ bytes, yielding }: SourceProgress): void => {
      underWay.set(call, bytes);
      yieldingThere = yielding ?? yieldingThere;
    };
    try {
      return await sourceDigests(source, algorithm, pairs, signal, { sstables, progress });
    } finally {
      endedThere += underWay.get(call) ?? 0;
      underWay.delete(call);
    }
  };
  const answers: PairedDigests['answers'] = async (there, here, signal) => {
    const stop = (): void => void pool.close(); // a thread in the middle of a big file receives no message
    signal.addEventListener('abort', stop, { once: true });
    return Promise.all([
      fromSource(there, signal),
      pool.run({
        ...{ algorithm, roots, opensUnreadable: true, counter, checksSSTables: sstables },
        ...{ direct: true, reportsBlocks: algorithm === BLOCK_DIGEST },
        paces: pace?.paces ?? [],
        files: here.map(({ dir, local }) => listed(dir, local)),
      }),
    ]).finally(() => signal.removeEventListener('abort', stop));
  };
  return {
    bytesRead: () => bytesIn(counter),
    bytesReadThere: () => [...underWay.values()].reduce((sum, bytes) => sum + bytes, endedThere),
    yielding() {
      const here = pace?.yielding?.state();
      return { ...(yieldingThere && { source: yieldingThere }), ...(here && { destination: here }) };
    },
    start: () => pool.start(algorithm),
    answers,
    async compare(pairs, signal) {
      const beganMs = Date.now();
      const [there, here] = await answers(pairs, pairs, signal);
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

export const listed = (dir: EntryKey, { name, size, mtimeNs, ino = NO_INODE, ctimeNs }: Entry): ListedFile => ({
  key: joinKey(dir, name),
  ...{ size, mtimeNs, ino, ctimeNs },
});

async function sourceDigests(
  source: Pick<Source, 'digests'>,
  algorithm: FileAlgorithm,
  pairs: readonly PairOfFiles[],
  signal: AbortSignal,
  options: DigestOptions,
): Promise<DigestAnswer[]> {
  const answers = new Array<DigestAnswer>(pairs.length).fill({
    result: 'failed',
    message: 'the source did not answer',
  });
  const files = pairs.map(({ dir, source: entry }) => listed(dir, entry));
  for await (const some of source.digests(algorithm, files, signal, options))
    for (const answer of some) answers[answer.index] = answer;
  return answers;
}
