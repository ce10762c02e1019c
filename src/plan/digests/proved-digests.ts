// Compares the same files on both sides by the hashes of their blocks. A file whose stored proof still holds is not read again, at either end.

import { blockDigestOf } from '../../digest/block-hashes.js';
import { BLOCK_BYTES, BLOCK_DIGEST_BYTES } from '../../digest/digest.js';
import type { DigestAnswer, Digested } from '../../digest/digest-files.js';
import { listed } from '../../digest/listed-file.js';
import { type Entry, type EntryKey, joinKey } from '../../files/entry.js';
import { FIRST_FEW } from '../../files/listing.js';
import { type Proof, standingOfEntry, type Validators, validatorsOf } from '../../files/proof.js';
import type { Source } from '../../source/source.js';
import type { PairedDigests, PairOfFiles } from './paired-digests.js';

/** The entries of both sides should have ctimes: without them a file is read. */
export interface ProvablePair extends PairOfFiles {
  /** What is stored of this file; it may be of an older state of either side. */
  proof?: Proof | undefined;
  /** What is read even where the stored proof still holds. */
  rereads?: 'local' | 'both';
}

export interface ProvedPair {
  key: EntryKey;
  equal: boolean;
  /** The files are equal, but the source's was young when it was read: its next write may not show. */
  young: boolean;
  /** What each side answered, or what is stored of it. */
  source: DigestAnswer;
  local: DigestAnswer;
  /** What was read now. */
  reads: { source: boolean; local: boolean };
  /** A new proof, to be stored. Undefined where nothing was read, where the files differ, and where a later change might not show. */
  proof: Proof | undefined;
  /** Byte offsets of the first blocks that differ, where that was asked for and both sides could be read. */
  differingAt?: number[];
}

export interface ProvedDigests
  extends Pick<PairedDigests, 'start' | 'bytesRead' | 'bytesReadThere' | 'yielding' | 'close'> {
  /** Returns the results in the order of `pairs`. Throws what the source throws; an abort ends everything under way. */
  compare(pairs: readonly ProvablePair[], signal: AbortSignal): Promise<ProvedPair[]>;
}

interface ProvedOptions {
  /** Names the first blocks that differ, which takes another read of the file at the source. */
  naming?: Pick<Source, 'blocks'>;
}

/** `digests` are those of BLOCK_DIGEST, and the source is one whose listing has `blocks`. */
export function createProvedDigests(digests: PairedDigests, { naming }: ProvedOptions = {}): ProvedDigests {
  return {
    start: digests.start,
    bytesRead: digests.bytesRead,
    bytesReadThere: digests.bytesReadThere,
    yielding: digests.yielding,
    close: digests.close,
    async compare(pairs, signal) {
      const reads = pairs.map(readsFor);
      const there = pairs.filter((_, i) => reads[i]!.source);
      const here = pairs.filter((_, i) => reads[i]!.local);
      const nothing = there.length + here.length === 0;
      const [answersThere, answersHere] = nothing ? [[], []] : await digests.answers(there, here, signal);
      const [nextThere, nextHere] = [answersThere.values(), answersHere.values()];
      const compared = pairs.map((pair, i): ProvedPair => {
        const source = reads[i]!.source ? nextThere.next().value! : storedAnswer(pair.proof!, pair.proof!.source);
        const local = reads[i]!.local ? nextHere.next().value! : storedAnswer(pair.proof!, pair.proof!.local);
        return judge(pair, source, local, reads[i]!);
      });
      if (naming)
        for (const [i, pair] of pairs.entries()) {
          const at = await firstDiffering(pair, compared[i]!, naming, signal);
          if (at) compared[i]!.differingAt = at;
        }
      return compared;
    },
  };
}

/** A proof that was only received says nothing of what the disk here holds. */
function readsFor({ proof, source, local, rereads }: ProvablePair): ProvedPair['reads'] {
  const holds = (then: Validators | undefined, entry: Entry): boolean =>
    then !== undefined && standingOfEntry(then, entry) === 'unchanged';
  return {
    source: rereads === 'both' || !holds(proof?.source, source),
    local: rereads !== undefined || proof?.proved === 'received' || !holds(proof?.local, local),
  };
}

const storedAnswer = ({ blocks }: Proof, { ctimeNs }: Validators): Digested => ({
  ...{ digest: blockDigestOf(blocks), young: false, ctimeNs, blocks },
});

function judge(pair: ProvablePair, source: DigestAnswer, local: DigestAnswer, reads: ProvedPair['reads']): ProvedPair {
  const both = 'digest' in source && 'digest' in local;
  const equal = both && source.digest === local.digest;
  const young = equal && source.young !== false;
  const proof = equal && !young && (reads.source || reads.local) ? proofBy(pair, source, local, reads) : undefined;
  return { key: joinKey(pair.dir, pair.source.name), equal, young, source, local, reads, proof };
}

/** What is not read now keeps the time of its last read. */
function proofBy(pair: ProvablePair, source: Digested, local: Digested, reads: ProvedPair['reads']): Proof | undefined {
  const [there, here] = [stateAt(pair.source, source), stateAt(pair.local, local)];
  const { blocks, read = 'cached' } = local;
  if (!there || !here || !blocks) return undefined;
  const { proved, atMs } = reads.local ? { proved: read, atMs: Date.now() } : pair.proof!;
  return { blocks, source: there, local: here, proved, atMs };
}

const stateAt = (entry: Entry, { ctimeNs }: Digested): Validators | undefined => validatorsOf({ ...entry, ctimeNs });

/** Undefined for equal files, and where either side's blocks are not known. */
async function firstDiffering(
  { dir, source: entry, proof }: ProvablePair,
  { equal, source, local, reads }: ProvedPair,
  naming: Pick<Source, 'blocks'>,
  signal: AbortSignal,
): Promise<number[] | undefined> {
  if (equal || !('digest' in source) || !('digest' in local) || !local.blocks) return undefined;
  const size = Number(entry.size);
  if (size <= BLOCK_BYTES) return [0];
  const found: number[] = [];
  if (!reads.source) found.push(...differingBlocks(proof!.blocks, local.blocks));
  else
    for (let from = 0; from < size && found.length < FIRST_FEW; from += NAMED_BYTES) {
      const length = Math.min(NAMED_BYTES, size - from);
      const theirs = await naming.blocks?.(listed(dir, entry), { offset: from, length }, signal);
      if (!theirs) break;
      found.push(...differingBlocks(theirs, local.blocks, from));
    }
  return found.length > 0 ? found.slice(0, FIRST_FEW) : undefined;
}

/** Byte offsets of the first blocks that differ; `theirs` begins at `from` of the file. */
export function differingBlocks(theirs: Uint8Array, mine: Uint8Array, from = 0): number[] {
  const found: number[] = [];
  const first = (from / BLOCK_BYTES) * BLOCK_DIGEST_BYTES;
  for (let at = 0; at < theirs.length && found.length < FIRST_FEW; at += BLOCK_DIGEST_BYTES) {
    const same = mine.subarray(first + at, first + at + BLOCK_DIGEST_BYTES);
    if (Buffer.compare(theirs.subarray(at, at + BLOCK_DIGEST_BYTES), same) !== 0)
      found.push(from + (at / BLOCK_DIGEST_BYTES) * BLOCK_BYTES);
  }
  return found;
}

/** What one request for the hashes of blocks names, at most. */
const NAMED_BYTES = 64 * BLOCK_BYTES;
