// Takes the digests of the same files on both sides at the same time, and compares them.

import { BLOCK_DIGEST, type FileAlgorithm, sameDigest } from '../../digest/digest.js';
import type { DigestAnswer } from '../../digest/digest-files.js';
import { listed } from '../../digest/listed-file.js';
import { type Entry, type EntryKey, joinKey } from '../../files/entry.js';
import type { Roots } from '../../files/roots.js';
import { mayBeYoung } from '../../files/young.js';
import type { LocalPace } from '../../pace/local-pace.js';
import type { Yieldings, YieldState } from '../../pace/yielding.js';
import { createDigestPool } from '../../reading/digest-pool.js';
import type { KeptOfLine, LineAnswer } from '../../reading/listed-line.js';
import type { DigestOptions, Source, SourceDigest } from '../../source/source.js';
import { byteCounter, bytesIn } from '../../threads/byte-counter.js';
import type { SourceProgress } from '../../wire/digest-progress.js';

/** A file that both sides list, with the entry of each. */
export interface PairOfFiles {
  dir: EntryKey;
  source: Entry;
  local: Entry;
}

/** A block that both sides list alike: the line of each, and the bytes of its files. */
export interface PairOfLines {
  source: Uint8Array;
  local: Uint8Array;
  bytes: number;
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
  /**
   * Digests the files of each block at both ends, and returns what this host has found of it, in order; undefined where a file differs or could
   * not be read as it was listed, or is young at the source. Of a source that has `lineDigests`.
   */
  compareBlocks(
    blocks: readonly PairOfLines[],
    kept: Omit<KeptOfLine, 'source'>,
    signal: AbortSignal,
  ): Promise<(LineAnswer | undefined)[]>;
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
  source: Pick<Source, 'digests' | 'lineDigests'>,
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
  const following = async <T>(ask: (progress: (far: SourceProgress) => void) => Promise<T>): Promise<T> => {
    const call = {};
    try {
      return await ask(({ bytes, yielding }) => {
        underWay.set(call, bytes);
        yieldingThere = yielding ?? yieldingThere;
      });
    } finally {
      endedThere += underWay.get(call) ?? 0;
      underWay.delete(call);
    }
  };
  /** A thread in the middle of a big file receives no message. */
  const stoppable = <T>(signal: AbortSignal, work: Promise<T>): Promise<T> => {
    const stop = (): void => void pool.close();
    signal.addEventListener('abort', stop, { once: true });
    return work.finally(() => signal.removeEventListener('abort', stop));
  };
  const here = { algorithm, roots, opensUnreadable: true, counter, direct: true, paces: pace?.paces ?? [] };
  const answers: PairedDigests['answers'] = (ofSource, ofLocal, signal) => {
    const files = ofSource.map(({ dir, source: entry }) => listed(dir, entry));
    return stoppable(
      signal,
      Promise.all([
        following((progress) =>
          answersOf(source.digests(algorithm, files, signal, { sstables, progress }), files.length),
        ),
        pool.run({
          ...{ ...here, checksSSTables: sstables, reportsBlocks: algorithm === BLOCK_DIGEST },
          files: ofLocal.map(({ dir, local }) => listed(dir, local)),
        }),
      ]),
    );
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
      const [ofSource, ofLocal] = await answers(pairs, pairs, signal);
      return pairs.map(({ dir, source: entry }, i) => {
        const [a, b] = [ofSource[i]!, ofLocal[i]!];
        const equal = 'digest' in a && 'digest' in b && sameDigest(algorithm, a.digest, b.digest);
        const young = equal && 'digest' in a && (a.young ?? mayBeYoung(BigInt(entry.mtimeNs), beganMs));
        return { key: joinKey(dir, entry.name), equal, young, source: a, local: b };
      });
    },
    async compareBlocks(blocks, kept, signal) {
      const lines = blocks.map(({ source: line, bytes }) => ({ line, bytes }));
      const [ofSource, ofLocal] = await stoppable(
        signal,
        Promise.all([
          following((progress) => answersOf(source.lineDigests!(algorithm, lines, signal, { progress }), lines.length)),
          Promise.all(
            blocks.map(({ source: line, local }) =>
              pool.runLine({ ...here, line: local, kept: { ...kept, source: line } }),
            ),
          ),
        ]),
      );
      return ofLocal.map((answer, i) => {
        const there = ofSource[i]!;
        return 'digest' in there && there.digest === answer.digest ? answer : undefined;
      });
    },
    close: () => pool.close(),
  };
}

async function answersOf(answering: AsyncIterable<readonly SourceDigest[]>, count: number): Promise<DigestAnswer[]> {
  const answers = new Array<DigestAnswer>(count).fill({ result: 'failed', message: 'the source did not answer' });
  for await (const some of answering) for (const answer of some) answers[answer.index] = answer;
  return answers;
}
