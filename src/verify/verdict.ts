// Describes how a verification ended: a sentence for people, and the exit code for its records and its command.

import { formatBytes, formatCount, formatEntries } from '../amounts.js';
import { EXIT } from '../exit-codes.js';
import { failedText } from '../guards/own-checks.js';
import type { Share, SSTablesReport } from '../report/parts.js';
import type { VerifyReport } from '../report/verify-report.js';
import { problemsIn, type Verified } from './verify.js';

/**
 * `damaged-at-source`: both sides hold the same, of which SSTables were damaged at the source already. `unlisted`: the source could not list
 * everything. `not-in-ledger`: of some files here no hash is kept, or perhaps of some that should be here. `nothing`: there was nothing to compare. `post-check`: both sides hold the same, but the operator's own check failed.
 */
export type VerifyEnd =
  | 'same'
  | 'not-in-ledger'
  | 'post-check'
  | 'damaged-at-source'
  | 'differences'
  | 'unlisted'
  | 'nothing';

export const EXIT_OF: Record<VerifyEnd, number> = {
  same: EXIT.ok,
  'post-check': EXIT.refused,
  'damaged-at-source': EXIT.refused,
  differences: EXIT.differences,
  unlisted: EXIT.refused,
  'not-in-ledger': EXIT.refused,
  nothing: EXIT.refused,
};

export function verdict({ report, unlisted }: Verified): { end: VerifyEnd; message: string } {
  const problems = problemsIn(report);
  const atSource = damageText(report.sstables);
  const { digestAlgorithm, metadataMatched, filesMatched } = report;
  if (problems > 0) {
    const message = `${formatCount(problems, 'difference')}, ${formatCount(filesMatched, 'file matches', 'files match')} by ${digestAlgorithm}${repairedText(report)}`;
    return { end: 'differences', message: atSource === undefined ? message : `${message}; ${atSource}` };
  }
  if (unlisted > 0)
    return {
      end: 'unlisted',
      message: `the source could not list everything (${unlisted} unreadable), so nothing is proved; what it listed matches`,
    };
  const unknown = report.proofs?.notInLedger?.entries ?? 0;
  if (unknown > 0)
    return {
      end: 'not-in-ledger',
      message: `no hash is kept of ${formatCount(unknown, 'file')} here, so nothing is proved; the others match`,
    };
  if (report.proofs?.ledgerFault !== undefined)
    return {
      end: 'not-in-ledger',
      message: `the ledger is not whole, so nothing proves that no file is missing here; ${formatCount(filesMatched, 'file holds', 'files hold')} what was hashed of them`,
    };
  const later = report.notYetCopied;
  if (metadataMatched === 0)
    return {
      end: 'nothing',
      message: later?.entries ? `nothing was compared: ${laterText(later)}` : NOTHING_HELD,
    };
  if (later?.entries)
    return {
      end: 'same',
      message: `contents match, ${formatCount(filesMatched, 'file')} by ${digestAlgorithm}${earlierText(report)}; ${laterText(later)}`,
    };
  if (report.by === 'offline')
    return { end: 'same', message: `${formatCount(filesMatched, 'file holds', 'files hold')} what was hashed of them` };
  const entries = metadataMatched === 1 ? 'the one entry matches' : `all ${metadataMatched} entries match`;
  const whole = `${entries}, ${formatCount(filesMatched, 'file')}`;
  const message = `${whole} by ${digestAlgorithm}${earlierText(report)}${repairedText(report)}`;
  if (report.postCheck && report.postCheck.exitCode !== 0)
    return { end: 'post-check', message: `${message}; but ${failedText('post-check', report.postCheck)}` };
  return atSource === undefined
    ? { end: 'same', message }
    : { end: 'damaged-at-source', message: `${message}, but ${atSource}` };
}

const earlierText = ({ proofs }: VerifyReport): string =>
  proofs && proofs.earlier.entries > 0 ? `, ${proofs.earlier.entries} of them proved by earlier reads` : '';

const repairedText = ({ repairs }: VerifyReport): string =>
  repairs && repairs.repaired.entries > 0 ? `, ${repairs.repaired.entries} of them repaired` : '';

const NOTHING_HELD = 'neither side holds an entry, so nothing was compared';

/** `12 entries (3.4 GiB) are not yet copied`: what a copy has yet to bring, mend or remove. */
const laterText = ({ entries, bytes }: Share): string =>
  `${formatEntries(entries)} (${formatBytes(bytes)}) ${entries === 1 ? 'is' : 'are'} not yet copied`;

/** How many SSTables of the source are not whole there: no copy repairs them. */
export const atSourceIn = (sstables: SSTablesReport | undefined): number =>
  sstables ? sstables.damagedAtSource + sstables.incompleteAtSource : 0;

function damageText(sstables: SSTablesReport | undefined): string | undefined {
  const count = atSourceIn(sstables);
  if (count === 0) return undefined;
  return `${formatCount(count, 'SSTable was', 'SSTables were')} damaged at the source already`;
}
