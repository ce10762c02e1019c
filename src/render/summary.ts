// What a run came to, as a block to be read at 3 a.m.: what was reached, the counters, what to run next. Decides nothing.

import { printable } from '../errors.js';
import type { Event } from '../events.js';
import { EXIT, EXIT_MEANING, type ExitName } from '../exit-codes.js';
import type { CopyReport, Iteration, RootShare, VerifyReport } from '../report.js';
import { leftOutRows, namesOf, notKeptRows, withoutLines } from './left-out.js';
import { ownersRows } from './owners.js';
import { formatBytes, formatEntries, formatLeft, formatShare } from './quantities.js';

type CopyEnded = Extract<Event, { type: 'copy-ended' }>;
type VerifyEnded = Extract<Event, { type: 'verify-ended' }>;

export function copySummary(event: CopyEnded): string[] {
  const { report, exitCode, message } = event;
  const last = report.status.at(-1);
  const isShort = report.dryRun && exitCode === EXIT.belowThreshold;
  const rows: [string, string][] = [['exit code', isShort ? `${exitCode} (below the threshold)` : exitText(exitCode)]];
  if (last && !report.dryRun) rows.push(...passRows(report, last));
  rows.push(...leftOutRows(report.leftOut), ...notKeptRows(report.notKept), ...ownersRows(report.owners));
  return block('copy', message, rows, withoutLines(report.without), nextAfterCopy(event));
}

export function verifySummary(event: VerifyEnded): string[] {
  const { report, exitCode, message } = event;
  const names = [
    'filesNotFoundAtSource',
    'filesNotFoundAtDestination',
    'metadataMatched',
    'metadataMismatches',
    'digestMismatches',
    'digestVerificationFailures',
    'filesMatched',
  ] as const;
  const rows: [string, string][] = [
    ['exit code', exitText(exitCode)],
    ['state', `${report.state}, ${report.digestAlgorithm}`],
    ...names.map((name): [string, string] => [name, String(report[name])]),
    ...leftOutRows(report.leftOut),
    ...notKeptRows(report.notKept),
    ...ownersRows(report.owners),
  ];
  return block('verify', message, rows, withoutLines(report.without), nextAfterVerify(event));
}

/** The name of an exit code, `ok` for 0; a code of no name is a bug. */
export function exitName(exitCode: number): ExitName {
  const names = Object.keys(EXIT) as ExitName[];
  return names.find((name) => EXIT[name] === exitCode) ?? 'bug';
}

const leftOf = ({ filesLeft = 0, bytesLeft = 0 }: Partial<Iteration>): string =>
  formatLeft({ entries: filesLeft, bytes: bytesLeft });

const firstLeftRow = ({ filesLeft, firstLeft }: Iteration): [string, string][] =>
  firstLeft ? [['left', namesOf({ entries: filesLeft, first: firstLeft })]] : [];

/**
 * `matching` root by root, and what holds it down: nothing to say for a single root that matches, or of which nothing is here yet.
 */
export function rootLines({ roots = [] }: Pick<Iteration, 'roots'>): string[] {
  const isOpen = ({ total, matching, left }: RootShare): boolean => matching.bytes < total.bytes - left.bytes;
  if (!roots.some(({ matching, left }) => matching.entries + left.entries > 0)) return [];
  if (roots.length === 1 && !isOpen(roots[0]!)) return [];
  return roots.map((root) => {
    const { key, total, matching, left, firstMissing } = root;
    const selected = total.bytes - left.bytes;
    const share = formatShare(selected === 0 ? 1 : matching.bytes / selected);
    const missing = { entries: total.entries - matching.entries - left.entries, first: firstMissing };
    const named = missing.first.length === 0 ? '' : `; not yet ${namesOf(missing)}`;
    return `${key} ${share}${formatLeft(left)}${named}`;
  });
}

/** What to run after a copy; undefined when the error that ended it says so itself. */
export function nextAfterCopy({ report, exitCode }: CopyEnded): string | undefined {
  const threshold = report.successThreshold;
  if (report.dryRun) return exitCode === EXIT.refused ? undefined : nextAfterDryRun(report);
  switch (exitCode) {
    case EXIT.ok:
      if (report.only !== undefined) return 'lm copy without --only, when all parts have been copied';
      return threshold < 1 ? 'stop the service on the source, then lm copy --threshold 1.0' : 'lm verify';
    case EXIT.belowThreshold:
      if (report.status.some((pass) => pass.downloadFailures > 0))
        return `${mendFailures(report)}, then lm copy again; what was copied is kept`;
      if (onlyLeft(report)) return 'stop the service on the source, then lm copy --threshold 1.0';
      if (threshold < 1)
        return 'lm copy again; what was copied is kept. A source that changes faster than it is copied takes a lower --threshold';
      return moves(report)
        ? 'stop whatever still writes to the source, then lm copy again; what was copied is kept'
        : 'lm verify, which names what still differs';
    case EXIT.refused:
      return report.status.some((pass) => pass.filesUnreadable)
        ? `${mendFailures(report)}, then lm copy again; what was copied is kept`
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

/** Failures are named where they are met; which side has to be mended is said here. */
function mendFailures({ status }: CopyReport): string {
  const failed = status.reduce((sum, pass) => sum + pass.downloadFailures, 0);
  const unreadable = status.reduce((sum, pass) => sum + (pass.filesUnreadable ?? 0), 0);
  if (unreadable === 0) return 'see to the files that failed here, named above';
  const source =
    'on the source, make the files named above readable for the user of lm serve, or leave them out with files_to_exclude';
  return unreadable < failed ? `${source}; here, see to the others that failed` : source;
}

/** Whether the source was seen to change. */
const moves = ({ status }: CopyReport): boolean =>
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
  const deeds = [
    ...(download.entries > 0 ? [`copy ${formatEntries(download.entries)} (${formatBytes(download.bytes)})`] : []),
    ...(remove.entries > 0 ? [`remove ${formatEntries(remove.entries)} (${formatBytes(remove.bytes)})`] : []),
    ...(fix > 0 ? [`mend ${formatEntries(fix)}`] : []),
  ];
  return deeds.length > 0 ? `${again}: it would ${deeds.join(', ')}` : `${again}: it would find nothing left to do`;
}
const onlyLeft = ({ status }: CopyReport): boolean => {
  const last = status.at(-1);
  return last !== undefined && last.filesLeft > 0 && last.totalSize === last.bytesLeft;
};

/** What to run after a verification. */
export function nextAfterVerify({ report, exitCode }: VerifyEnded): string | undefined {
  switch (exitCode) {
    case EXIT.ok:
      if (report.otherExclusions) return 'lm copy --threshold 1.0, then lm verify again, both with the same exclusions';
      return report.live || report.beforeFinalPass
        ? 'stop the service on the source, then lm copy --threshold 1.0, then lm verify again'
        : 'lm complete on both hosts, on this one first, then start the service here';
    case EXIT.differences:
    case EXIT.refused:
      return nextAfterDifferences(report);
    case EXIT.source:
    case EXIT.hungUp:
    case EXIT.interrupted:
    case EXIT.quit:
    case EXIT.terminated:
      return 'lm verify again';
    default:
      return undefined;
  }
}

function nextAfterDifferences(report: VerifyReport): string | undefined {
  const [first, copy] = [mendFirst(report), cheapestCopy(report)];
  const steps = copy === undefined ? first : [...first, `${copy}${mayBeSomebodys(report) ? ADOPT : ''}`];
  if (steps.length === 0) return undefined; // the verdict says why nothing was compared
  const none = copy === undefined && first.length > 0 ? '; no copy mends that' : '';
  return `${steps.join(', then ')}, then lm verify again${none}`;
}

const ADOPT = ', with --adopt if it names work here that is to go';

/** After a final pass, that something differs may be the work of somebody else here, which a copy refuses to touch. */
const mayBeSomebodys = ({ beforeFinalPass, reasons = {} }: VerifyReport): boolean =>
  beforeFinalPass !== true &&
  (['not-found-at-source', 'type', 'size', 'mtime', 'link-target'] as const).some((reason) => reasons[reason]);

/** What no copy mends, and on which side. */
function mendFirst({ reasons = {} }: VerifyReport): string[] {
  const { 'unreadable-at-source': there = 0, 'unreadable-at-destination': here = 0 } = reasons;
  return [
    ...(there > 0 ? ['on the source, make what is named above readable for the user of lm serve'] : []),
    ...(here > 0 ? ['on this host, make what is named above readable for the user of lm'] : []),
    ...(reasons['changed-while-reading'] ? ['stop what writes to the files that changed while they were read'] : []),
  ];
}

/** The least that mends all of it: a checksum of everything only where nothing less finds the difference. */
function cheapestCopy(report: VerifyReport): string | undefined {
  if (report.digestMismatches > 0)
    return 'lm copy --diff checksum (equal sizes and times hide these files from a plain copy)';
  if (report.metadataMismatches > 0) return 'lm copy --threshold 1.0';
  return report.filesNotFoundAtSource + report.filesNotFoundAtDestination > 0 ? 'lm copy' : undefined;
}

function passRows(report: CopyReport, last: Iteration): [string, string][] {
  const sum = (name: NumberField) => report.status.reduce((total, pass) => total + pass[name], 0);
  const reused = sum('bytesReused');
  const size = last.totalSize < 0 ? '' : ` of ${formatBytes(last.totalSize)} in ${formatEntries(last.totalFiles)}`;
  return [
    ['state', `${last.state} at iteration ${last.iteration} of at most ${report.maxIterations}`],
    [
      'matching',
      `${formatShare(last.matchRatio)}${leftOf(last)}${size}, threshold ${formatShare(report.successThreshold)}`,
    ],
    ...rootLines(last).map((line): [string, string] => ['', line]),
    ...firstLeftRow(last),
    [
      'downloaded',
      `${formatEntries(sum('filesDownloaded'))}, ${formatBytes(sum('bytesDownloaded'))} ` +
        `(${formatBytes(sum('bytesReceived'))} received${reused > 0 ? `, ${formatBytes(reused)} kept from before` : ''})`,
    ],
    ['removed', `${formatEntries(sum('filesRemoved'))}, ${formatBytes(sum('bytesRemoved'))}`],
    ...keptRow(report),
    ...txnLogsRow(report),
    [
      'failed',
      `${sum('downloadFailures')} (${sum('filesChanged')} changed and ${sum('filesVanished')} vanished besides)`,
    ],
    ...firstRow('changed', report, 'firstChanged', sum('filesChanged')),
    ...firstRow('vanished', report, 'firstVanished', sum('filesVanished')),
  ];
}

const firstRow = (
  title: string,
  { status }: CopyReport,
  field: 'firstChanged' | 'firstVanished',
  entries: number,
): [string, string][] => {
  const first = [...new Set(status.flatMap((pass) => pass[field] ?? []))];
  return first.length === 0 ? [] : [[title, namesOf({ entries: Math.max(entries, first.length), first })]];
};

const keptRow = ({ backup }: CopyReport): [string, string][] =>
  backup
    ? [['kept', `${formatEntries(backup.entries)}, ${formatBytes(backup.bytes)} in ${printable(backup.dir)}`]]
    : [];

type NumberField = Exclude<
  keyof Iteration,
  'state' | 'firstVanished' | 'firstChanged' | 'filesUnreadable' | 'firstLeft' | 'roots'
>;

/** Whether the source was stopped cleanly, of a final pass that ended well: a node that was killed leaves them. */
function txnLogsRow({ txnLogs, successThreshold, only }: CopyReport): [string, string][] {
  if (!txnLogs || successThreshold < 1 || only !== undefined) return [];
  const { logs, elsewhere } = txnLogs;
  if (logs === 0) return [['source stop', 'no transaction log was left, so nothing speaks against a clean one']];
  const which =
    elsewhere === 0 ? '' : `, ${elsewhere} of which name files elsewhere: a node started here may delete those`;
  return [
    ['source stop', `not a clean one: ${logs === 1 ? '1 transaction log' : `${logs} transaction logs`} left${which}`],
  ];
}

function block(
  command: string,
  message: string,
  rows: [string, string][],
  notes: readonly string[],
  next: string | undefined,
): string[] {
  const width = Math.max(...rows.map(([name]) => name.length));
  return [
    `${command}: ${message}`,
    ...rows.map(([name, value]) => `  ${name.padEnd(width)}  ${value}`),
    ...notes,
    ...(next === undefined ? [] : [`next: ${next}`]),
  ];
}

const exitText = (exitCode: number): string => `${exitCode} (${EXIT_MEANING[exitName(exitCode)]})`;
