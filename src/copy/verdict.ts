// Describes how a copy ended: a sentence for people, and the exit code for its records and its command.

import { formatLeft, formatShare } from '../amounts.js';
import { EXIT } from '../exit-codes.js';
import { failedText } from '../guards/own-checks.js';
import type { CopyReport } from '../report/copy-report.js';

/** `post-check`: a success but for the operator's own check of it. */
export type CopyEnd = 'success' | 'post-check' | 'below-threshold' | 'all-left' | 'unreadable' | 'incomplete-listing';

export const EXIT_OF: Record<CopyEnd, number> = {
  success: EXIT.ok,
  'post-check': EXIT.refused,
  'below-threshold': EXIT.belowThreshold,
  'all-left': EXIT.belowThreshold,
  unreadable: EXIT.refused,
  'incomplete-listing': EXIT.refused,
};

interface Figures {
  /** `97 %` */
  ratio: string;
  /** What the ratio does not count, with what joins it to the ratio; '' for nothing. */
  beside: string;
  goal: string;
}

const reached = ({ ratio, beside, goal }: Figures): string =>
  `${ratio} of the bytes match${beside}, ${goal} was asked for`;

const VERDICTS: Record<CopyEnd, (figures: Figures) => string> = {
  success: reached,
  'post-check': reached,
  'below-threshold': ({ ratio, beside, goal }) =>
    ratio === formatShare(1)
      ? 'all bytes match, but not every entry with its mode, its owner and its link text'
      : `${ratio} of the bytes match${beside}, ${goal} was asked for`,
  'all-left': ({ beside }) => `there is nothing to copy but files that are being written to${beside}`,
  unreadable: ({ ratio, beside, goal }) =>
    `what is left cannot be read at the source; ${ratio} of the bytes match${beside}, ${goal} was asked for`,
  'incomplete-listing': ({ ratio }) =>
    `the source could not list everything, so nothing is removed; ${ratio} of what it listed matches`,
};

const KEPT = '; what was copied is kept';

export function verdict(end: CopyEnd, { status, successThreshold, dryRun, postCheck }: CopyReport): string {
  const { matchRatio, filesLeft, bytesLeft } = status.at(-1)!;
  const beside = formatLeft({ entries: filesLeft, bytes: bytesLeft });
  const message = VERDICTS[end]({ ratio: formatShare(matchRatio), beside, goal: formatShare(successThreshold) });
  if (end === 'post-check' && postCheck) return `${message}; but ${failedText('post-check', postCheck)}`;
  const kept = !dryRun && (end === 'below-threshold' || end === 'unreadable') ? KEPT : '';
  return `${message}${kept}`;
}
