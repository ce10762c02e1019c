// Advises after a copy: the command that an operator runs next, or what has to be mended before.

import { formatBytes, formatEntries } from '../amounts.js';
import { EXIT } from '../exit-codes.js';
import type { CopyReport } from '../report/copy-report.js';
import { KEPT, type NextStep, stepText } from './step.js';

interface CopyEnd {
  report: CopyReport;
  exitCode: number;
}

/** What to run next, in a sentence; undefined when the hint of the error that ended it says so. */
export function nextAfterCopy(end: CopyEnd): string | undefined {
  const { report, exitCode } = end;
  if (report.dryRun) return exitCode === EXIT.refused ? undefined : nextAfterDryRun(report);
  const step = stepAfterCopy(end);
  return step && stepText(step);
}

/** After one that was no dry run. */
export function stepAfterCopy({ report, exitCode }: CopyEnd): NextStep | undefined {
  const threshold = report.successThreshold;
  switch (exitCode) {
    case EXIT.ok:
      if (report.only !== undefined)
        return { command: 'lm copy', given: 'without --only, when all parts have been copied' };
      return threshold < 1 ? FINAL_PASS : { command: 'lm verify' };
    case EXIT.belowThreshold:
      if (report.status.some((pass) => pass.downloadFailures > 0)) return { ...AGAIN, first: fixFailures(report) };
      if (report.maxDowntimeMs !== undefined) return stepForDowntime(report);
      if (onlyLeft(report)) return FINAL_PASS;
      if (threshold < 1)
        return { ...AGAIN, note: `${KEPT}. A source that changes faster than it is copied takes a lower --threshold` };
      return sourceChanges(report)
        ? { ...AGAIN, first: 'stop whatever still writes to the source' }
        : { command: 'lm verify', does: 'names what still differs' };
    case EXIT.refused:
      if (report.postCheck) return AFTER_CHECK;
      return report.status.some((pass) => pass.filesUnreadable) ? { ...AGAIN, first: fixFailures(report) } : undefined;
    case EXIT.source:
    case EXIT.hungUp:
    case EXIT.interrupted:
    case EXIT.quit:
    case EXIT.terminated:
      return AGAIN;
    default:
      return undefined;
  }
}

export const FINAL_PASS: NextStep = { first: 'stop the service on the source', command: 'lm copy --threshold 1.0' };

const AGAIN: NextStep = { command: 'lm copy', again: true, note: KEPT };

export const AFTER_CHECK: NextStep = {
  first: 'see to what the post-check found',
  command: 'lm verify',
  does: 'runs it again',
  note: KEPT,
};

/** What makes the final pass shorter, if anything does. */
function stepForDowntime({ status, maxDowntimeMs = 0 }: CopyReport): NextStep {
  const { forecast } = status.at(-1)!;
  if (!forecast) return AGAIN;
  const { copyMs, verifyMs, read, change } = forecast;
  if (verifyMs > Math.max(copyMs, maxDowntimeMs / 2) && read.bytes > 0)
    return {
      command: 'lm verify --incremental --live',
      does: 'reads while the service runs what the downtime would be spent on',
      note: 'then lm copy again',
    };
  if (change && change.trend !== 'converging')
    return {
      ...FINAL_PASS,
      first: 'a longer --max-downtime, or stop the service all the same',
      note: 'further passes do not make it shorter',
    };
  return AGAIN;
}

/** Names the side on which the operator has to fix something; the failures were printed when they occurred. */
function fixFailures({ status }: CopyReport): string {
  const failed = status.reduce((sum, pass) => sum + pass.downloadFailures, 0);
  const unreadable = status.reduce((sum, pass) => sum + (pass.filesUnreadable ?? 0), 0);
  if (unreadable === 0) return 'see to the files that failed here, named above';
  const source =
    'on the source, make the files named above readable for the user of lm serve, or leave them out with files_to_exclude';
  return unreadable < failed ? `${source}; here, see to the others that failed` : source;
}

/** Whether the source was seen to change. */
const sourceChanges = ({ status }: CopyReport): boolean =>
  status.some((pass) => pass.filesChanged + pass.filesVanished > 0) || (status.at(-1)?.filesToDownload ?? 0) !== 0;

const onlyLeft = ({ status }: CopyReport): boolean => {
  const last = status.at(-1);
  return last !== undefined && last.filesLeft > 0 && last.totalSize === last.bytesLeft;
};

/** What a real run would do, or why it would not. */
function nextAfterDryRun({ wouldDo }: CopyReport): string {
  const again = 'the same command without --dry-run';
  if (!wouldDo) return again;
  const { download, remove, fix, refuses } = wouldDo;
  const [first, ...others] = refuses;
  if (first !== undefined) {
    const more = others.length > 0 ? ` (and ${others.length} more, named above)` : '';
    return `a real run would refuse: ${first}${more}`;
  }
  const operations = [
    ...(download.entries > 0 ? [`copy ${formatEntries(download.entries)} (${formatBytes(download.bytes)})`] : []),
    ...(remove.entries > 0 ? [`remove ${formatEntries(remove.entries)} (${formatBytes(remove.bytes)})`] : []),
    ...(fix > 0 ? [`fix attributes of ${formatEntries(fix)}`] : []),
  ];
  return operations.length > 0
    ? `${again}: it would ${operations.join(', ')}`
    : `${again}: it would find nothing left to do`;
}
