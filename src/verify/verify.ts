// Metadata, then digests of every file on both sides → VerifyReport. Changes nothing; one file's trouble never stops the others.

import PQueue from 'p-queue';
import type { DigestAlgorithm } from '../digest/digest.js';
import type { FileTrouble } from '../digest/digest-files.js';
import { LmError } from '../errors.js';
import type { Emit } from '../events.js';
import { createDigestBoth, type DigestBoth, type DigestedPair, type PairOfFiles } from '../plan/digest-both.js';
import type { Difference, DifferenceReason, VerifyReport } from '../report.js';
import { compareListings, filesIn, type Sweep, type SweepOptions } from './sweep.js';

export interface VerifyOptions extends SweepOptions {
  run: string;
  algorithm: DigestAlgorithm;
  /** Requests under way at once. */
  concurrency: number;
  /** Threads that digest here. */
  threads: number;
}

export interface Verified {
  report: VerifyReport;
  /** Entries the source could not read: what they are is not known, so nothing is proved. */
  unlisted: number;
}

/** Throws when either side cannot be listed, when the source is lost, and the signal's reason. */
export async function verify(options: VerifyOptions): Promise<Verified> {
  const { source, roots, algorithm, threads } = options;
  if (!source.algorithms.includes(algorithm))
    throw new LmError('usage', `${source.url} is a Sidecar, which cannot compute ${algorithm}`, {
      hint: `use --algo ${source.algorithms.join(' or ')}`,
    });
  const report = beginReport(options);
  const reasons: VerifyReport['reasons'] = {};
  report.reasons = reasons;
  const emit: Emit = (event) => {
    if (event.type === 'difference') reasons[event.difference.reason] = (reasons[event.difference.reason] ?? 0) + 1;
    options.emit(event);
  };
  emit({ type: 'phase', iteration: 0, state: 'VERIFYING' });
  const digests = createDigestBoth(source, roots, algorithm, threads);
  digests.start();
  const sweep = await compareBoth(digests, { ...options, emit }, report);
  const problems = PROBLEMS.reduce((sum, counter) => sum + report[counter], 0);
  const { errors: unlisted } = sweep.proof;
  report.state = problems === 0 && unlisted === 0 && report.metadataMatched > 0 ? 'COMPLETED' : 'FAILED';
  return { report, unlisted };
}

async function compareBoth(digests: DigestBoth, options: VerifyOptions, report: VerifyReport): Promise<Sweep> {
  try {
    const sweep = await compareListings(options, report);
    await compareContents(sweep, digests, options, report);
    return sweep;
  } finally {
    await digests.close();
  }
}

/** COMPLETED takes a 0 in each of these. */
export const PROBLEMS = [
  'filesNotFoundAtSource',
  'filesNotFoundAtDestination',
  'metadataMismatches',
  'digestMismatches',
  'digestVerificationFailures',
] as const satisfies (keyof VerifyReport)[];

export const beginReport = ({
  run,
  source,
  algorithm,
  without,
}: Pick<VerifyOptions, 'run' | 'source' | 'algorithm' | 'without'>): VerifyReport => ({
  run,
  source: source.url,
  digestAlgorithm: algorithm,
  state: 'IN_PROGRESS',
  filesNotFoundAtSource: 0,
  filesNotFoundAtDestination: 0,
  metadataMatched: 0,
  metadataMismatches: 0,
  digestMismatches: 0,
  digestVerificationFailures: 0,
  filesMatched: 0,
  ...(without.length > 0 && { without: [...without] }),
});

const TELL_EVERY_MS = 500;

/** Batches through the queue: each is digested on both sides at once. The first lost source, or signal, stops them all. */
async function compareContents(
  sweep: Sweep,
  digests: DigestBoth,
  { source, concurrency, emit, signal: outer }: VerifyOptions,
  report: VerifyReport,
): Promise<void> {
  const failure = new AbortController();
  const signal = AbortSignal.any([outer, failure.signal]);
  const done = { files: 0, bytes: 0 };
  /** What was read here and not yet compared counts half: the source, which reads it too, says nothing of files under way. */
  const tellProgress = (): void =>
    emit({
      type: 'progress',
      iteration: 0,
      doing: 'verify',
      bytesDone: Math.max(done.bytes, Math.floor((done.bytes + Math.min(sweep.bytes, digests.bytesRead())) / 2)),
      bytesTotal: sweep.bytes,
      filesDone: done.files,
      filesTotal: sweep.files,
    });
  const compareBatch = async (batch: PairOfFiles[]): Promise<void> => {
    if (signal.aborted) return;
    try {
      for (const pair of await digests.compare(batch, signal)) judgeDigests(pair, report, emit);
      done.files += batch.length;
      done.bytes += bytesOf(batch);
    } catch (error) {
      failure.abort(error);
    }
  };
  const queue = new PQueue({ concurrency });
  const telling = setInterval(tellProgress, TELL_EVERY_MS);
  try {
    for (const batch of batchesOf(filesIn(sweep), source.digestBatch)) {
      await queue.onSizeLessThan(concurrency);
      if (signal.aborted) break;
      void queue.add(() => compareBatch(batch));
    }
    await queue.onIdle();
  } finally {
    clearInterval(telling);
  }
  signal.throwIfAborted();
  tellProgress();
}

function judgeDigests({ key, equal, source, local }: DigestedPair, report: VerifyReport, emit: Emit): void {
  const tell = (difference: Omit<Difference, 'key'>): void =>
    emit({ type: 'difference', difference: { key, ...difference } });
  if (equal) {
    report.filesMatched++;
  } else if ('digest' in source && 'digest' in local) {
    report.digestMismatches++;
    tell({ reason: 'digest', source: source.digest, destination: local.digest });
  } else {
    report.digestVerificationFailures++;
    if ('result' in source) tell({ reason: REASON.source[source.result], source: source.message });
    if ('result' in local) tell({ reason: REASON.local[local.result], destination: local.message });
  }
}

const REASON: Record<'source' | 'local', Record<FileTrouble, DifferenceReason>> = {
  source: { changed: 'changed-while-reading', vanished: 'not-found-at-source', failed: 'unreadable-at-source' },
  local: {
    changed: 'changed-while-reading',
    vanished: 'not-found-at-destination',
    failed: 'unreadable-at-destination',
  },
};

export function* batchesOf(
  pairs: Iterable<PairOfFiles>,
  limits: { files: number; bytes: number },
): Generator<PairOfFiles[]> {
  let batch: PairOfFiles[] = [];
  let bytes = 0;
  for (const pair of pairs) {
    const more = Number(pair.source.size);
    if (batch.length > 0 && (batch.length >= limits.files || bytes + more > limits.bytes)) {
      yield batch;
      batch = [];
      bytes = 0;
    }
    batch.push(pair);
    bytes += more;
  }
  if (batch.length > 0) yield batch;
}

const bytesOf = (batch: readonly PairOfFiles[]): number =>
  batch.reduce((sum, { source }) => sum + Number(source.size), 0);
