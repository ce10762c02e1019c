// Verifies a copy: compares the metadata of every entry, then the digests of every file. A file that cannot be read does not stop the rest.

import { BLOCK_DIGEST, type FileAlgorithm } from '../digest/digest.js';
import { noSSTables } from '../digest/sstable.js';
import { LmError } from '../errors.js';
import type { Emit } from '../events.js';
import type { LocalPace } from '../pace/local-pace.js';
import { createPairedDigests } from '../plan/digests/paired-digests.js';
import { createProvedDigests } from '../plan/digests/proved-digests.js';
import { NOTHING_COUNTED, type VerifyReport } from '../report/verify-report.js';
import { type ContentsOptions, compareContents, type FileComparison } from './contents.js';
import type { Repairing } from './repair/repairing.js';
import { createSSTableJudge, type SSTableJudge } from './sstables.js';
import { compareListings, type Sweep, type SweepOptions } from './sweep.js';

interface VerifyOptions extends SweepOptions, Pick<ContentsOptions, 'kept'> {
  run: string;
  /** BLOCK_DIGEST with proofs that are incremental, and not otherwise. */
  algorithm: FileAlgorithm;
  /** Requests under way at once. */
  concurrency: number;
  /** Threads that digest here. */
  threads: number;
  /** What they keep to. */
  pace: LocalPace;
  /** Gets the report whose counters go up from here on. */
  began(report: VerifyReport): void;
  /** Whether SSTables are checked against their own components. */
  sstables: boolean;
  repairing?: Repairing | undefined;
}

export interface Verified {
  report: VerifyReport;
  /** Number of entries the source could not read; if there is one, nothing is proved. */
  unlisted: number;
  /** How many files both sides have, whose contents were to be compared; unknown without a source. */
  files?: number;
}

/** Throws when either side cannot be listed, when the source is lost, and the signal's reason. */
export async function verify(options: VerifyOptions): Promise<Verified> {
  const { source, algorithm } = options;
  if (algorithm !== BLOCK_DIGEST && !source.algorithms.includes(algorithm))
    throw new LmError('algorithm', `${source.url} is a Sidecar, which cannot compute ${algorithm}`, {
      hint: `use --algo ${source.algorithms.join(' or ')}`,
    });
  const report = beginReport(options);
  const reasons: VerifyReport['reasons'] = {};
  report.reasons = reasons;
  options.began(report);
  let sstables: SSTableJudge | undefined;
  const emit: Emit = (event) => {
    if (event.type === 'difference') {
      reasons[event.difference.reason] = (reasons[event.difference.reason] ?? 0) + 1;
      sstables?.see(event.difference);
    }
    options.emit(event);
  };
  if (options.sstables) {
    report.sstables = noSSTables();
    sstables = createSSTableJudge(report.sstables, emit);
  }
  emit({ type: 'phase', iteration: 0, state: 'VERIFYING' });
  const sweep = await compareBoth({ ...options, emit }, report, sstables);
  sstables?.finish(sweep.isExcluded);
  const problems = problemsIn(report);
  const { errors: unlisted } = sweep.totals;
  report.state = problems === 0 && unlisted === 0 && report.metadataMatched > 0 ? 'COMPLETED' : 'FAILED';
  return { report, unlisted, files: sweep.toDigest.files };
}

async function compareBoth(
  options: VerifyOptions,
  report: VerifyReport,
  sstables: SSTableJudge | undefined,
): Promise<Sweep> {
  const { proofs, repairing } = options;
  const wrong = repairing?.wrong;
  const digests = comparisonFor(options);
  let toDigest: Sweep['toDigest'] | undefined;
  try {
    const sweep = await compareListings({ ...options, missing: wrong?.missing }, report);
    toDigest = sweep.toDigest;
    await compareContents(toDigest, digests, { ...options, compared: wrong?.compared }, report, sstables);
    await repairing?.run({ sweep, digests, report, emit: options.emit });
    await proofs?.end();
    return sweep;
  } finally {
    toDigest?.close();
    proofs?.close();
    await digests.close();
  }
}

function comparisonFor(options: VerifyOptions): FileComparison {
  const { source, roots, algorithm, threads, sstables, pace, proofs, repairing } = options;
  const digests = createPairedDigests(source, roots, algorithm, threads, { sstables, pace });
  if (proofs?.incremental) return createProvedDigests(digests, { naming: source }); // perhaps there is nothing to read
  digests.start();
  const takesBlocks = source.lineDigests !== undefined && !sstables && !repairing;
  return takesBlocks ? digests : { ...digests, compareBlocks: undefined };
}

/** The counters that have to be 0 for COMPLETED. */
export const PROBLEMS = [
  'filesNotFoundAtSource',
  'filesNotFoundAtDestination',
  'metadataMismatches',
  'digestMismatches',
  'digestVerificationFailures',
] as const satisfies (keyof VerifyReport)[];

/** What differs between the sides, and SSTables that are wrong here alone. */
export const problemsIn = (report: VerifyReport): number =>
  PROBLEMS.reduce((sum, counter) => sum + report[counter], 0) +
  (report.sstables ? report.sstables.damagedHere + report.sstables.incompleteHere : 0);

export const beginReport = ({
  run,
  source,
  algorithm,
  without,
  live = false,
  proofs,
}: Pick<VerifyOptions, 'run' | 'source' | 'algorithm' | 'without' | 'live' | 'proofs'>): VerifyReport => ({
  run,
  source: source.url,
  digestAlgorithm: algorithm,
  state: 'IN_PROGRESS',
  ...NOTHING_COUNTED,
  ...(proofs?.incremental && { by: 'incremental' }),
  ...(live && { live, notYetCopied: { entries: 0, bytes: 0 } }),
  ...(without.length > 0 && { without: [...without] }),
});
