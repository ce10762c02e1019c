// Advises after a run: the command that an operator runs next, or what has to be mended before. The same advice is in text and JSON.

import { formatBytes, formatEntries } from '../amounts.js';
import type { Event } from '../events.js';
import { EXIT } from '../exit-codes.js';
import type { CopyReport } from '../report/copy-report.js';
import type { VerifyReport } from '../report/verify-report.js';
import { isDamaged, NEXT_FOR_DAMAGE } from './rows/sstables.js';

type CopyEnded = Extract<Event, { type: 'copy-ended' }>;
type VerifyEnded = Extract<Event, { type: 'verify-ended' }>;

/** What to run after a copy; undefined when the hint of the error that ended it says so. */
export function nextAfterCopy({ report, exitCode }: CopyEnded): string | undefined {
  const threshold = report.successThreshold;
  if (report.dryRun) return exitCode === EXIT.refused ? undefined : nextAfterDryRun(report);
  switch (exitCode) {
    case EXIT.ok:
      if (report.only !== undefined) return 'lm copy without --only, when all parts have been copied';
      return threshold < 1 ? 'stop the service on the source, then lm copy --threshold 1.0' : 'lm verify';
    case EXIT.belowThreshold:
      if (report.status.some((pass) => pass.downloadFailures > 0))
        return `${fixFailures(report)}, then lm copy again; what was copied is kept`;
      if (report.maxDowntimeMs !== undefined) return nextForDowntime(report);
      if (onlyLeft(report)) return 'stop the service on the source, then lm copy --threshold 1.0';
      if (threshold < 1)
        return 'lm copy again; what was copied is kept. A source that changes faster than it is copied takes a lower --threshold';
      return sourceChanges(report)
        ? 'stop whatever still writes to the source, then lm copy again; what was copied is kept'
        : 'lm verify, which names what still differs';
    case EXIT.refused:
      if (report.postCheck) return NEXT_AFTER_CHECK;
      return report.status.some((pass) => pass.filesUnreadable)
        ? `${fixFailures(report)}, then lm copy again; what was copied is kept`
        : undefined;
    case EXIT.source:
    case EXIT.hungUp:
    case EXIT.interrupted:
    case EXIT.quit:
    case EXIT.terminated:
      return 'lm copy again; what was copied is kept';
    default:
      return undefined;
  }
}

/** What makes the final pass shorter, if anything does. */
function nextForDowntime({ status, maxDowntimeMs = 0 }: CopyReport): string {
  const again = 'lm copy again; what was copied is kept';
  const { forecast } = status.at(-1)!;
  if (!forecast) return again;
  const { copyMs, verifyMs, read, change } = forecast;
  const isRead = verifyMs > Math.max(copyMs, maxDowntimeMs / 2) && read.bytes > 0;
  if (isRead)
    return 'lm verify --incremental --live, which reads while the service runs what the downtime would be spent on; then lm copy again';
  if (change && change.trend !== 'converging')
    return 'a longer --max-downtime, or stop the service all the same, then lm copy --threshold 1.0: further passes do not make it shorter';
  return again;
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

const onlyLeft = ({ status }: CopyReport): boolean => {
  const last = status.at(-1);
  return last !== undefined && last.filesLeft > 0 && last.totalSize === last.bytesLeft;
};

const NEXT_AFTER_CHECK =
  'see to what the post-check found, then lm verify, which runs it again; what was copied is kept';

/** What to run after a verification. */
export function nextAfterVerify({ report, exitCode }: VerifyEnded): string | undefined {
  switch (exitCode) {
    case EXIT.ok:
      if (report.otherExclusions) return 'lm copy --threshold 1.0, then lm verify again, both with the same exclusions';
      if (report.by === 'offline') return undefined;
      return report.live || report.beforeFinalPass
        ? `stop the service on the source, then lm copy --threshold 1.0, then ${sameAgain(report)}`
        : 'lm complete on both hosts, on this one first, then start the service here';
    case EXIT.differences:
    case EXIT.refused:
      if (report.postCheck) return NEXT_AFTER_CHECK;
      return report.by === 'offline' ? nextAfterOffline(exitCode) : nextAfterDifferences(report);
    case EXIT.source:
    case EXIT.hungUp:
    case EXIT.interrupted:
    case EXIT.quit:
    case EXIT.terminated:
      return sameAgain(report);
    default:
      return undefined;
  }
}

const sameAgain = ({ by }: VerifyReport): string => `lm verify ${by ? `--${by} ` : ''}again`;

const nextAfterOffline = (exitCode: number): string =>
  exitCode === EXIT.differences
    ? 'if the source is still there, lm copy --diff checksum, then lm verify; if not, take these files from a backup'
    : 'lm verify, if the source is still there, compares these files too';

function nextAfterDifferences(report: VerifyReport): string | undefined {
  const [first, copy] = [fixFirst(report), cheapestCopy(report)];
  if (first.length === 0 && isForRepair(report)) return `${repairAgain(report)}${FOR_REPAIR}`;
  const steps = copy === undefined ? first : [...first, `${copy}${mayBeOthersWork(report) ? ADOPT : ''}`];
  if (steps.length === 0 && isDamaged(report.sstables)) return NEXT_FOR_DAMAGE;
  if (steps.length === 0) return undefined; // the verdict says why nothing was compared
  const none = copy === undefined && first.length > 0 ? '; no copy fixes that' : '';
  return `${steps.join(', then ')}, then ${sameAgain(report)}${none}`;
}

const ADOPT = ', with --adopt if it names work here that is to go';

const FOR_REPAIR =
  ', which fetches what differs and verifies it again (equal sizes and times hide these files from a plain copy)';

const repairAgain = ({ by }: VerifyReport): string => `lm verify ${by ? `--${by} ` : ''}--repair`;

/** Whether nothing is wrong but contents here, and --repair was not given yet, or had more to do than one run may. */
const isForRepair = (report: VerifyReport): boolean =>
  report.digestMismatches > 0 &&
  (!report.repairs || report.repairs.leftOut !== undefined) &&
  !report.live &&
  report.metadataMismatches + report.filesNotFoundAtSource + report.filesNotFoundAtDestination === 0;

/** After a final pass, somebody else may have caused the difference here; a copy refuses to change such files without --adopt. */
const mayBeOthersWork = ({ beforeFinalPass, reasons = {} }: VerifyReport): boolean =>
  beforeFinalPass !== true &&
  (['not-found-at-source', 'type', 'size', 'mtime', 'link-target'] as const).some((reason) => reasons[reason]);

/** What no copy can fix, and on which side. */
function fixFirst({ reasons = {}, repairs }: VerifyReport): string[] {
  const { 'unreadable-at-source': there = 0, 'unreadable-at-destination': here = 0 } = reasons;
  return [
    ...(repairs?.wrongAtSource ? [SEE_TO_SOURCE] : []),
    ...(there > 0 ? ['on the source, make what is named above readable for the user of lm serve'] : []),
    ...(here > 0 ? ['on this host, make what is named above readable for the user of lm'] : []),
    ...(reasons['changed-while-reading'] ? ['stop what writes to the files that changed while they were read'] : []),
  ];
}

const SEE_TO_SOURCE =
  'see to the disk of the source: what is named above is to come from elsewhere, as from a backup or by nodetool repair';

/** The cheapest copy that fixes all differences: --diff checksum only where no other copy finds them. */
function cheapestCopy(report: VerifyReport): string | undefined {
  if (report.digestMismatches > (report.repairs?.wrongAtSource ?? 0))
    return 'lm copy --diff checksum (equal sizes and times may hide some of these files from a plain copy)';
  if (report.metadataMismatches > 0) return 'lm copy --threshold 1.0';
  return report.filesNotFoundAtSource + report.filesNotFoundAtDestination > 0 ? 'lm copy' : undefined;
}
