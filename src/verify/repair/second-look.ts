// Looks once more at a file that was found wrong here, before anything is taken from the source: whether the source itself is to be trusted,
// and where the two differ.

import { blockDigestOf } from '../../digest/block-hashes.js';
import { BLOCK_DIGEST, type FileAlgorithm } from '../../digest/digest.js';
import { type SSTableCheck, stateOf } from '../../digest/sstable.js';
import { type EntryKey, joinKey } from '../../files/entry.js';
import { standingOf, validatorsOf } from '../../files/proof.js';
import type { Roots } from '../../files/roots.js';
import type { LocalPace } from '../../pace/local-pace.js';
import { createPairedDigests, type DigestedPair, type PairOfFiles } from '../../plan/digests/paired-digests.js';
import { createProvedDigests, type ProvablePair, type ProvedPair } from '../../plan/digests/proved-digests.js';
import type { Source } from '../../source/source.js';

export interface SecondLook {
  /** Why nothing is to be taken from the source; undefined when that may be done. `atSource`: what is there is wrong. */
  doubt?: { why: string; atSource?: true };
  /** Byte offsets of the first blocks that differ, where the source can tell. */
  blocksAt?: number[] | undefined;
}

export interface SecondLooks {
  /** `before`: the digest of the source's file when the two were found different, if it was read then. */
  at(pair: ProvablePair, before: string | undefined, signal: AbortSignal): Promise<SecondLook>;
  /** Bytes read here so far, some of them twice. */
  bytesRead(): number;
  close(): Promise<void>;
}

interface SecondLookOptions {
  source: Source;
  roots: Roots;
  algorithm: FileAlgorithm;
  threads: number;
  pace: LocalPace;
  /** Whether the source tells the hashes of blocks. */
  hasBlocks: boolean;
  /** The Data.db of the SSTable that this file is a component of, if both sides have it. */
  dataOf(key: EntryKey): PairOfFiles | undefined;
}

export function createSecondLooks({ source, roots, algorithm, threads, ...options }: SecondLookOptions): SecondLooks {
  const { pace, hasBlocks, dataOf } = options;
  const digests = createPairedDigests(source, roots, algorithm, threads, { sstables: source.checksSSTables, pace });
  const byBlocks = hasBlocks
    ? createPairedDigests(source, roots, BLOCK_DIGEST, threads, { sstables: source.checksSSTables, pace })
    : undefined;
  const proved = byBlocks && createProvedDigests(byBlocks, { naming: source });

  const inBlocks = async (pair: ProvablePair, signal: AbortSignal): Promise<ProvedPair | undefined> =>
    (await proved?.compare([{ ...pair, rereads: 'both' }], signal))?.[0];

  /** Whether the SSTable of which the file is a component is whole at the source. */
  const sstableThere = async (key: EntryKey, signal: AbortSignal): Promise<SSTableCheck | undefined> => {
    const data = dataOf(key);
    if (!data || !source.checksSSTables) return undefined;
    const [answer] = await digests.compare([data], signal);
    return checkIn(answer!.source);
  };

  return {
    async at(pair, before, signal) {
      const blocks = await inBlocks(pair, signal);
      const again = algorithm === BLOCK_DIGEST && blocks ? blocks : (await digests.compare([pair], signal))[0]!;
      const doubt = doubtIn(again, before) ?? proofDoubt(pair, blocks);
      if (doubt) return { doubt };
      const there = checkIn(again.source) ?? (await sstableThere(joinKey(pair.dir, pair.source.name), signal));
      const damaged = sstableDoubt(there, checkIn(again.local));
      return damaged ? { doubt: damaged } : { blocksAt: blocks?.differingAt };
    },
    bytesRead: () => digests.bytesRead() + (byBlocks?.bytesRead() ?? 0),
    async close() {
      await Promise.all([digests.close(), byBlocks?.close()]);
    },
  };
}

const checkIn = (answer: DigestedPair['source']): SSTableCheck | undefined =>
  'digest' in answer ? answer.sstable : undefined;

function doubtIn({ source, equal }: DigestedPair, before: string | undefined): SecondLook['doubt'] {
  if (!('digest' in source)) return { why: `the source's file could not be read again: ${source.message}` };
  if (before !== undefined && source.digest !== before)
    return { why: `${FAILING} first ${before}, then ${source.digest}, with the same size and times`, atSource: true };
  return equal
    ? { why: 'it reads as the source has it now: the disk or memory here reads it differently each time' }
    : undefined;
}

/** By its times, the source's file is the one that was copied; then it has to have the hashes that it had. */
function proofDoubt({ proof, source: entry }: ProvablePair, blocks: ProvedPair | undefined): SecondLook['doubt'] {
  const now = validatorsOf(entry);
  if (!proof || !now || !blocks || !('digest' in blocks.source)) return undefined;
  const then = blockDigestOf(proof.blocks);
  if (standingOf(proof.source, now) !== 'unchanged' || then === blocks.source.digest) return undefined;
  const isHere = 'digest' in blocks.local && blocks.local.digest === then;
  const keep = isHere ? '; the one here is as it was copied: keep it' : '';
  return { why: `${FAILING} now not what was copied, with the same size and times${keep}`, atSource: true };
}

function sstableDoubt(there: SSTableCheck | undefined, here: SSTableCheck | undefined): SecondLook['doubt'] {
  if (!there || stateOf(there) !== 'damaged') return undefined;
  const keep = here && stateOf(here) === 'intact' ? '; the one here is whole by its own Digest.crc32: keep it' : '';
  return { why: `its SSTable is damaged at the source, by its own Digest.crc32${keep}`, atSource: true };
}

const FAILING = "the source's disk or memory is failing: it reads the file as";
