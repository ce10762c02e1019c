// Formats the end of a run as a block for people: the result and the counters. What to run next: advice/.

import { nextAfterCopy } from '../advice/after-copy.js';
import { nextAfterVerify } from '../advice/after-verify.js';
import { formatBytes, formatEntries, formatLeft, formatShare, formatSpan } from '../amounts.js';
import { printable } from '../errors.js';
import type { Event } from '../events.js';
import { EXIT, EXIT_MEANING, type ExitName } from '../exit-codes.js';
import { howItEnded } from '../linux/shell-command.js';
import type { CopyReport, Iteration, RootShare } from '../report/copy-report.js';
import type { CheckReport } from '../report/parts.js';
import { columns } from './columns.js';
import { downtimeRows } from './rows/downtime.js';
import { forecastLines, outcomeRows } from './rows/forecast.js';
import { leftOutRows, namesOf, notKeptRows, withoutLines } from './rows/left-out.js';
import { ownersRows } from './rows/owners.js';
import { notYetCopiedRow, proofsRows } from './rows/proofs.js';
import { repairRows } from './rows/repairs.js';
import { sstableRows } from './rows/sstables.js';

type CopyEnded = Extract<Event, { type: 'copy-ended' }>;
type VerifyEnded = Extract<Event, { type: 'verify-ended' }>;

export function copySummary(event: CopyEnded): string[] {
  const { report, exitCode, message } = event;
  const last = report.status.at(-1);
  const isShort = report.dryRun && exitCode === EXIT.belowThreshold;
  const rows: [string, string][] = [['exit code', isShort ? `${exitCode} (below the threshold)` : exitText(exitCode)]];
  if (last && !report.dryRun) rows.push(...passRows(report, last));
  rows.push(...sstableRows(report.sstables), ...checkRows(report.postCheck), ...downtimeRows(event.downtime));
  rows.push(...outcomeRows(event.downtime?.forecast), ...forecastRows(last));
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
    ...notYetCopiedRow(report),
    ...repairRows(report),
    ...proofsRows(report, Date.now()),
    ...sstableRows(report.sstables),
    ...checkRows(report.postCheck),
    ...downtimeRows(event.downtime),
    ...outcomeRows(event.downtime?.forecast),
    ...leftOutRows(report.leftOut),
    ...notKeptRows(report.notKept),
    ...ownersRows(report.owners),
  ];
  return block('verify', message, rows, withoutLines(report.without), nextAfterVerify(event));
}

/** `exit code 3 after 1.2 s: /usr/local/bin/check` */
export const checkText = ({ command, exitCode, signal, elapsedMs }: CheckReport): string =>
  `${howItEnded({ code: exitCode, killedBy: signal })} after ${formatSpan(elapsedMs)}: ${printable(command)}`;

/** Only of the last pass: what was found before is outdated. */
const forecastRows = (last: Iteration | undefined): [string, string][] =>
  last?.forecast ? forecastLines(last.forecast).map((line, i) => [i === 0 ? 'forecast' : '', line]) : [];

/** The last lines only of one that has failed: they say why. */
const checkRows = (check: CheckReport | undefined): [string, string][] =>
  check === undefined
    ? []
    : [
        ['post-check', checkText(check)],
        ...(check.exitCode === 0 ? [] : check.lastLines.map((line): [string, string] => ['', line])),
      ];

/** The name of an exit code, `ok` for 0; a code without a name is a bug. */
export function exitName(exitCode: number): ExitName {
  const names = Object.keys(EXIT) as ExitName[];
  return names.find((name) => EXIT[name] === exitCode) ?? 'bug';
}

const leftOf = ({ filesLeft = 0, bytesLeft = 0 }: Partial<Iteration>): string =>
  formatLeft({ entries: filesLeft, bytes: bytesLeft });

const firstLeftRow = ({ filesLeft, firstLeft }: Iteration): [string, string][] =>
  firstLeft ? [['left', namesOf({ entries: filesLeft, first: firstLeft })]] : [];

/**
 * The share that matches in each root, and the first entries that are missing. Empty for a single root that matches, and while nothing
 * matches in any root.
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

function passRows(report: CopyReport, last: Iteration): [string, string][] {
  const sum = (name: NumberField) => report.status.reduce((total, pass) => total + pass[name], 0);
  const reused = sum('bytesReused');
  const isWhole = last.state === 'SUCCESS' && report.successThreshold === 1;
  const basis = isWhole ? 0 : Math.max(...report.status.map(({ bytesBasis = 0 }) => bytesBasis)); // a pass goes on with that of the one before
  const share =
    last.totalSize < 0
      ? 'not known, as the last pass came to no plan'
      : `${formatShare(last.matchRatio)}${leftOf(last)} of ${formatBytes(last.totalSize)} in ${formatEntries(last.totalFiles)}`;
  return [
    ['state', `${last.state} at iteration ${last.iteration} of at most ${report.maxIterations}`],
    ['matching', `${share}, ${goalText(report)}`],
    ...rootLines(last).map((line): [string, string] => ['', line]),
    ...firstLeftRow(last),
    [
      'downloaded',
      `${formatEntries(sum('filesDownloaded'))}, ${formatBytes(sum('bytesDownloaded'))} ` +
        `(${formatBytes(sum('bytesReceived'))} received${reused > 0 ? `, ${formatBytes(reused)} kept from before` : ''})`,
    ],
    ...deltaRow(report),
    ['removed', `${formatEntries(sum('filesRemoved'))}, ${formatBytes(sum('bytesRemoved'))}`],
    ...backupRow(report),
    ...txnLogsRow(report),
    [
      'failed',
      `${sum('downloadFailures')} (${sum('filesChanged')} changed and ${sum('filesVanished')} vanished besides)`,
    ],
    ...firstRow('changed', report, 'firstChanged', sum('filesChanged')),
    ...(basis > 0
      ? [['basis', `${formatBytes(basis)} of changed files, for their next state`] as [string, string]]
      : []),
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

/** Of big files of which an older version was here. */
function deltaRow({ status }: CopyReport): [string, string][] {
  const sum = (name: keyof NonNullable<Iteration['delta']>) =>
    status.reduce((total, { delta }) => total + (delta?.[name] ?? 0), 0);
  const [cloned, compared, whole] = [sum('cloned'), sum('compared'), sum('whole')];
  const shared = sum('shared');
  const rows: [string, string][] = shared > 0 ? [['cloned', `${formatBytes(shared)} of the source's own files`]] : [];
  if (cloned + compared + whole === 0) return rows;
  const parts = [
    cloned > 0 ? `${formatBytes(cloned)} cloned` : '',
    compared > 0 ? `${formatBytes(compared)} compared, ${formatBytes(sum('differing'))} differed` : '',
    whole > 0 ? `${formatBytes(whole)} fetched whole, which was faster` : '',
  ];
  return [...rows, ['older versions', parts.filter((part) => part !== '').join('; ')]];
}

const backupRow = ({ backup }: CopyReport): [string, string][] =>
  backup
    ? [['kept', `${formatEntries(backup.entries)}, ${formatBytes(backup.bytes)} in ${printable(backup.dir)}`]]
    : [];

/** `threshold 95 %`, `at most 5m00s of downtime`, or both. */
export const goalText = ({ successThreshold, maxDowntimeMs }: CopyReport): string =>
  [
    ...(maxDowntimeMs === undefined || successThreshold > 0 ? [`threshold ${formatShare(successThreshold)}`] : []),
    ...(maxDowntimeMs === undefined ? [] : [`at most ${formatSpan(maxDowntimeMs)} of downtime`]),
  ].join(', ');

type NumberField = Exclude<
  keyof Iteration,
  | 'state'
  | 'bytesBasis'
  | 'delta'
  | 'firstVanished'
  | 'firstChanged'
  | 'filesUnreadable'
  | 'firstLeft'
  | 'roots'
  | 'forecast'
>;

/** After a final pass that ended well: whether the source was stopped cleanly. A node that was killed leaves transaction logs. */
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
  return [
    `${command}: ${message}`,
    ...columns(rows, { indent: '  ' }),
    ...notes,
    ...(next === undefined ? [] : [`next: ${next}`]),
  ];
}

const exitText = (exitCode: number): string => `${exitCode} (${EXIT_MEANING[exitName(exitCode)]})`;
