// Compares the contents of the files that the sweep has set aside, in batches, and judges what was found.

import PQueue from 'p-queue';
import { batchesOf } from '../batches.js';
import { blockDigestOf } from '../digest/block-hashes.js';
import type { Digested } from '../digest/digest-files.js';
import type { FileFailure } from '../digest/listed-file.js';
import type { Emit, Event } from '../events.js';
import { standingOf, validatorsOf } from '../files/proof.js';
import type { DigestedPair, PairedDigests, PairOfFiles } from '../plan/digests/paired-digests.js';
import type { ProvablePair } from '../plan/digests/proved-digests.js';
import type { Difference, DifferenceReason, VerifyReport } from '../report/verify-report.js';
import type { Source } from '../source/source.js';
import { type BlockAside, type FilesAside, filesIn, isBlock, type SetAside } from './files/set-aside.js';
import type { KeptDigests } from './kept-digests.js';
import type { Compared, KnownFiles, Proofs } from './proofs.js';
import type { SSTableJudge } from './sstables.js';
import type { SweepOptions } from './sweep.js';
import { countNotYetCopied } from './tally.js';

/** By whatever digest files are compared. */
export interface FileComparison extends Omit<PairedDigests, 'compare' | 'answers' | 'compareBlocks'> {
  compare(pairs: readonly ProvablePair[], signal: AbortSignal): Promise<Compared[]>;
  /** Absent where something has to be known of each file. */
  compareBlocks?: PairedDigests['compareBlocks'] | undefined;
}

export type ContentsOptions = Pick<SweepOptions, 'emit' | 'signal' | 'live'> & {
  source: Pick<Source, 'digestBatch'>;
  proofs?: (Pick<Proofs, 'openKnown' | 'learn'> & Partial<Pick<Proofs, 'settledMs' | 'learnBlock'>>) | undefined;
  /** Requests under way at once. */
  concurrency: number;
  /** Gets what each file has come to. */
  compared?: ((pair: ProvablePair, compared: Compared) => void) | undefined;
  /** Gets what files have come to; batches are numbered in the order of the listing. */
  kept?: Pick<KeptDigests, 'algorithm' | 'take' | 'takeLines'> | undefined;
};

const REPORT_EVERY_MS = 500;

/** Compares the files in batches; each batch is digested on both sides at once. The first error that ends the run stops all batches. */
export async function compareContents(
  toDigest: SetAside,
  digests: FileComparison,
  { source, concurrency, emit, signal: outer, live = false, proofs, kept, compared }: ContentsOptions,
  report: VerifyReport,
  sstables: SSTableJudge | undefined,
): Promise<void> {
  const failure = new AbortController();
  const signal = AbortSignal.any([outer, failure.signal]);
  const done = { files: 0, bytes: 0 };
  const yieldingNow = yieldingTold(digests, emit);
  /** A byte that one end has read counts half. */
  const reportProgress = (): void => {
    const [here, there] = [digests.bytesRead(), digests.bytesReadThere()].map((read) =>
      Math.min(toDigest.bytes, Math.max(done.bytes, read)),
    );
    emit({
      type: 'progress',
      iteration: 0,
      doing: 'verify',
      bytesDone: Math.floor((here! + there!) / 2),
      bytesTotal: toDigest.bytes,
      filesDone: done.files,
      filesTotal: toDigest.files,
      ...yieldingNow(),
    });
  };
  const compareFiles = async (number: number, batch: readonly ProvablePair[]): Promise<void> => {
    const pairs = await digests.compare(batch, signal);
    kept?.take(number, pairs);
    for (const [i, pair] of pairs.entries()) {
      proofs?.learn(batch[i]!, pair);
      if (live && isBeingWritten(pair)) countNotYetCopied(report, sizeOf(batch[i]!));
      else judgeDigests(pair, batch[i]!, report, emit);
      compared?.(batch[i]!, pair);
      sstables?.judge(pair);
    }
    done.files += batch.length;
    done.bytes += batch.reduce((sum, pair) => sum + sizeOf(pair), 0);
  };
  const known = proofs?.openKnown() ?? NOTHING_KNOWN;
  const compareBlocks = async (number: number, blocks: readonly BlockAside[]): Promise<void> => {
    const { settledMs = 0, learnBlock } = proofs ?? {};
    const answers = await digests.compareBlocks!(blocks, { settledMs, manifest: kept?.algorithm }, signal);
    for (const [i, block] of blocks.entries()) {
      const answer = answers[i];
      if (!answer) await compareFiles(number, known.of(filesIn(block)));
      else {
        kept?.takeLines(number, answer);
        learnBlock?.call(proofs, block, answer);
        report.filesMatched += block.files;
        done.files += block.files;
        done.bytes += block.bytes;
      }
    }
  };
  const isWhole = (aside: FilesAside | BlockAside): boolean =>
    digests.compareBlocks !== undefined && isBlock(aside) && isOfSmallFiles(aside);
  let batches = 0;
  const compareBatch = async ({ blocks, pairs }: Batch): Promise<void> => {
    if (signal.aborted) return;
    const number = batches++; // the queue begins them in turn
    try {
      await (blocks ? compareBlocks(number, blocks) : compareFiles(number, pairs));
    } catch (error) {
      failure.abort(error);
    }
  };
  const queue = new PQueue({ concurrency });
  const progressTimer = setInterval(reportProgress, REPORT_EVERY_MS);
  try {
    for (const batch of batchesIn(toDigest.all(), isWhole, known, source.digestBatch)) {
      await queue.onSizeLessThan(1); // one is made ready: more would only grow old in memory
      if (signal.aborted) break;
      void queue.add(() => compareBatch(batch));
    }
    await queue.onIdle();
  } finally {
    clearInterval(progressTimer);
    known.close();
  }
  signal.throwIfAborted();
  reportProgress();
}

const NOTHING_KNOWN: KnownFiles = { of: ({ pairs }) => [...pairs], close: () => {} };

type Batch = { blocks: BlockAside[]; pairs?: never } | { pairs: ProvablePair[]; blocks?: never };

/** In the order of the listings: whole blocks for as long as there are any, then files for as long as there are none. */
function* batchesIn(
  asides: Iterable<FilesAside | BlockAside>,
  isWhole: (aside: FilesAside | BlockAside) => boolean,
  known: KnownFiles,
  { files: items, bytes }: Source['digestBatch'],
): Generator<Batch> {
  for (const [whole, run] of runsOf(asides, isWhole))
    if (whole) {
      for (const blocks of batchesOf(
        run as Iterable<BlockAside>,
        { items: BLOCKS_AT_ONCE, bytes },
        ({ bytes }) => bytes,
      ))
        yield { blocks };
    } else for (const pairs of batchesOf(pairsIn(run, known), { items, bytes }, sizeOf)) yield { pairs };
}

function* pairsIn(asides: Iterable<FilesAside | BlockAside>, known: KnownFiles): Generator<ProvablePair> {
  for (const aside of asides) yield* known.of(isBlock(aside) ? filesIn(aside) : aside);
}

/** Items that follow one another and are alike in that; each run has to be read to its end before the next. */
function* runsOf<Item>(
  items: Iterable<Item>,
  isOne: (item: Item) => boolean,
): Generator<[is: boolean, run: Iterable<Item>]> {
  const iterator = items[Symbol.iterator]();
  let next = iterator.next();
  while (!next.done) {
    const is = isOne(next.value);
    const run = function* (): Generator<Item> {
      for (; !next.done && isOne(next.value) === is; next = iterator.next()) yield next.value;
    };
    yield [is, run()];
  }
}

/** What one request is for. */
const BLOCKS_AT_ONCE = 16;

/** One thread reads a block, and of a big file several would share the work. */
const isOfSmallFiles = ({ files, bytes }: BlockAside): boolean => files > 0 && bytes <= SMALL_BYTES;
const SMALL_BYTES = 16 << 20;

/** Says once that the source, which was asked to, cannot yield. */
function yieldingTold(digests: Pick<PairedDigests, 'yielding'>, emit: Emit): () => Pick<Progress, 'yielding'> {
  let isTold = false;
  return () => {
    const { source, destination } = digests.yielding();
    if (source && 'why' in source && !isTold) {
      isTold = true;
      emit({
        type: 'warning',
        text: `the source does not yield to I/O: ${source.why}; only a --limit-rate holds there`,
      });
    }
    const yielding = {
      ...(source && !('why' in source) && { source }),
      ...(destination && !('why' in destination) && { destination }),
    };
    return Object.keys(yielding).length > 0 ? { yielding } : {};
  };
}

type Progress = Extract<Event, { type: 'progress' }>;

function judgeDigests(compared: Compared, pair: ProvablePair, report: VerifyReport, emit: Emit): void {
  const { key, equal, source, local, differingAt } = compared;
  const emitDifference = (difference: Omit<Difference, 'key'>): void =>
    emit({ type: 'difference', difference: { key, ...difference } });
  if (equal) {
    report.filesMatched++;
  } else if ('digest' in source && 'digest' in local) {
    report.digestMismatches++;
    emitDifference({
      ...{ reason: 'digest', source: source.digest, destination: local.digest },
      ...(differingAt && { blocksAt: differingAt }),
      ...(isAlteredHere(pair, local) && { unchangedTimes: true }),
    });
  } else {
    report.digestVerificationFailures++;
    if ('result' in source) emitDifference({ reason: REASON.source[source.result], source: source.message });
    if ('result' in local) emitDifference({ reason: REASON.local[local.result], destination: local.message });
  }
}

/** Unequal, and young when it was read: then it may have been written again since it was listed, and have the same times. */
const isBeingWritten = ({ equal, source, local }: DigestedPair): boolean =>
  !equal &&
  [source, local].some((answer) =>
    'result' in answer ? answer.result === 'changed' || answer.result === 'vanished' : answer.young === true,
  );

/** By its times, nothing has changed the file here since it was written or read by lm, and yet its hashes are not those any more. */
function isAlteredHere({ proof, local }: ProvablePair, { digest, blocks }: Digested): boolean {
  const now = validatorsOf(local);
  if (!proof || !blocks || !now || standingOf(proof.local, now) !== 'unchanged') return false;
  return digest !== blockDigestOf(proof.blocks);
}

const REASON: Record<'source' | 'local', Record<FileFailure, DifferenceReason>> = {
  source: { changed: 'changed-while-reading', vanished: 'not-found-at-source', failed: 'unreadable-at-source' },
  local: {
    changed: 'changed-while-reading',
    vanished: 'not-found-at-destination',
    failed: 'unreadable-at-destination',
  },
};

const sizeOf = ({ source }: PairOfFiles): number => Number(source.size);
