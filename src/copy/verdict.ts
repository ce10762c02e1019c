// Describes how a copy ended: a sentence for people, and the exit code for its records and its command.

import { formatLeft, formatShare, formatSpan } from '../amounts.js';
import { EXIT } from '../exit-codes.js';
import { totalMs } from '../forecast/forecast.js';
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
  /** `, 95 % was asked for`; '' where no share was. */
  goal: string;
  /** Of --max-downtime: what the final pass would take, and what was asked for; else ''. */
  length: string;
}

const reached = ({ ratio, beside, goal, length }: Figures): string =>
  `${ratio} of the bytes match${beside}${goal}${length}`;

const VERDICTS: Record<CopyEnd, (figures: Figures) => string> = {
  success: reached,
  'post-check': reached,
  'below-threshold': (figures) =>
    figures.ratio === formatShare(1) && figures.length === ''
      ? 'all bytes match, but not every entry with its mode, its owner and its link text'
      : reached(figures),
  'all-left': ({ beside }) => `there is nothing to copy but files that are being written to${beside}`,
  unreadable: (figures) => `what is left cannot be read at the source; ${reached(figures)}`,
  'incomplete-listing': ({ ratio }) =>
    `the source could not list everything, so nothing is removed; ${ratio} of what it listed matches`,
};

const KEPT = '; what was copied is kept';

export function verdict(end: CopyEnd, report: CopyReport): string {
  const { status, dryRun, postCheck } = report;
  const { matchRatio, filesLeft, bytesLeft } = status.at(-1)!;
  const beside = formatLeft({ entries: filesLeft, bytes: bytesLeft });
  const message = VERDICTS[end]({ ratio: formatShare(matchRatio), beside, ...goalTexts(report) });
  if (end === 'post-check' && postCheck) return `${message}; but ${failedText('post-check', postCheck)}`;
  const kept = !dryRun && (end === 'below-threshold' || end === 'unreadable') ? KEPT : '';
  return `${message}${kept}`;
}

function goalTexts({ status, successThreshold, maxDowntimeMs }: CopyReport): Pick<Figures, 'goal' | 'length'> {
  const goal = `, ${formatShare(successThreshold)} was asked for`;
  if (maxDowntimeMs === undefined) return { goal, length: '' };
  const { forecast } = status.at(-1)!;
  const length = forecast
    ? `the final pass and its verification would take about ${formatSpan(totalMs(forecast))}`
    : 'how long the final pass would take is not known yet';
  return {
    goal: successThreshold > 0 ? goal : '',
    length: `; ${length}, at most ${formatSpan(maxDowntimeMs)} was asked for`,
  };
}
