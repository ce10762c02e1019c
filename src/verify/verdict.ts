// How a verification ended, in a sentence, and the exit code that its records and its command give it. Compares nothing.

import { formatCount } from '../amounts.js';
import { EXIT } from '../exit-codes.js';
import { PROBLEMS, type Verified } from './verify.js';

/** `unlisted`: the source could not list everything. `nothing`: there was nothing to compare. */
export type VerifyEnd = 'same' | 'differences' | 'unlisted' | 'nothing';

export const EXIT_OF: Record<VerifyEnd, number> = {
  same: EXIT.ok,
  differences: EXIT.differences,
  unlisted: EXIT.refused,
  nothing: EXIT.refused,
};

export function verdict({ report, unlisted }: Verified): { end: VerifyEnd; message: string } {
  const problems = PROBLEMS.reduce((sum, counter) => sum + report[counter], 0);
  const { digestAlgorithm, metadataMatched, filesMatched } = report;
  if (problems > 0) {
    const message = `${formatCount(problems, 'difference')}, ${formatCount(filesMatched, 'file matches', 'files match')} by ${digestAlgorithm}`;
    return { end: 'differences', message };
  }
  if (unlisted > 0)
    return {
      end: 'unlisted',
      message: `the source could not list everything (${unlisted} unreadable), so nothing is proved; what it listed matches`,
    };
  if (metadataMatched === 0) return { end: 'nothing', message: 'neither side holds an entry, so nothing was compared' };
  const entries = metadataMatched === 1 ? 'the one entry matches' : `all ${metadataMatched} entries match`;
  const whole = `${entries}, ${formatCount(filesMatched, 'file')}`;
  return {
    end: 'same',
    message: `${whole} by ${digestAlgorithm}`,
  };
}
