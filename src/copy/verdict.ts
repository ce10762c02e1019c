// How a copy ended, in a sentence, and the exit code that its records and its command give it. Judges nothing.

import { formatLeft, formatShare } from '../amounts.js';
import { EXIT } from '../exit-codes.js';
import type { CopyReport } from '../report.js';

export type CopyEnd = 'success' | 'below-threshold' | 'all-left' | 'unreadable' | 'incomplete-listing';

export const EXIT_OF: Record<CopyEnd, number> = {
  success: EXIT.ok,
  'below-threshold': EXIT.belowThreshold,
  'all-left': EXIT.belowThreshold,
  unreadable: EXIT.refused,
  'incomplete-listing': EXIT.refused,
};

interface Said {
  /** `97 %`, and what it leaves out. */
  ratio: string;
  beside: string;
  asked: string;
}

const VERDICTS: Record<CopyEnd, (said: Said) => string> = {
  success: ({ ratio, beside, asked }) => `${ratio} of the bytes match${beside}, ${asked} was asked for`,
  'below-threshold': ({ ratio, beside, asked }) =>
    ratio === formatShare(1)
      ? 'all bytes match, but not every entry with its mode, its owner and its link text'
      : `${ratio} of the bytes match${beside}, ${asked} was asked for`,
  'all-left': ({ beside }) => `there is nothing to copy but files that are being written to${beside}`,
  unreadable: ({ ratio, beside, asked }) =>
    `what is left cannot be read at the source; ${ratio} of the bytes match${beside}, ${asked} was asked for`,
  'incomplete-listing': ({ ratio }) =>
    `the source could not list everything, so nothing is removed; ${ratio} of what it listed matches`,
};

const KEPT = '; what was copied is kept';

export function verdict(end: CopyEnd, { status, successThreshold, dryRun }: CopyReport): string {
  const { matchRatio, filesLeft, bytesLeft } = status.at(-1)!;
  const beside = formatLeft({ entries: filesLeft, bytes: bytesLeft });
  const message = VERDICTS[end]({ ratio: formatShare(matchRatio), beside, asked: formatShare(successThreshold) });
  const kept = !dryRun && (end === 'below-threshold' || end === 'unreadable') ? KEPT : '';
  return `${message}${kept}`;
}
