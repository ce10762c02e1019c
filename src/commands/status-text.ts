// The status of a migration as lines for people. Pure: asks nobody, judges nothing.

import { printable } from '../errors.js';
import { EXIT_MEANING } from '../exit-codes.js';
import { formatBytes, formatShare } from '../render/quantities.js';
import { exitName } from '../render/summary.js';
import type { CopyReport, Iteration, VerifyReport } from '../report.js';
import type { Completion } from '../state/completion.js';
import type { Role, RootPath } from '../state/instance.js';
import type { LastRun } from '../state/last-run.js';
import { type Holder, holderText } from '../state/lock.js';

/** What a source says of itself, or why it doesn't. */
export type SourceStatus =
  | { url: string; kind: 'lm' | 'sidecar'; status: { state: string; endTime?: number | null } }
  | { url: string; error: string };

/** All that is known of one migration of this host; a line of `lm status --json`. */
export interface MigrationStatus {
  instance: string;
  role: Role;
  dir: string;
  roots: RootPath[];
  completion: Completion;
  holder: Holder | 'unknown' | null;
  /** Null at the source itself, and while no URL is known. */
  source: SourceStatus | null;
  lastCopy: LastRun<CopyReport> | null;
  lastVerify: LastRun<VerifyReport> | null;
  /** When the last copy that could write began, by the journal, and how it ended, if `lastCopy` is not its report; an interrupted one leaves none. */
  copyBeganMs: number | null;
  copyExitCode: number | null;
  /** The last verification passed, and no copy has begun since. */
  verified: boolean;
  unfinishedFiles: number;
  damagedLines: number;
}

export function statusLines(status: MigrationStatus): string[] {
  return [
    `${status.instance}: ${status.role}`,
    ...status.roots.map((root) => row(root.key, printable(root.path))),
    row('records', printable(status.dir)),
    row('completion', completionText(status.completion)),
    ...(status.role === 'destination' ? destinationLines(status) : []),
  ];
}

function destinationLines(status: MigrationStatus): string[] {
  const { holder, lastCopy, lastVerify, damagedLines } = status;
  return [
    row('source', status.source ? sourceText(status.source) : 'not known yet'),
    row('running', holder === null ? 'nothing' : holder === 'unknown' ? 'another lm process' : holderText(holder)),
    ...copyLines(status),
    ...(lastCopy ? passTable(lastCopy.report.status) : []),
    row('last verify', lastVerify ? verifyText(lastVerify) : 'none'),
    row('verified', status.verified ? 'yes: no difference, and no copy since' : 'no'),
    ...(damagedLines > 0 ? [row('journal', `${damagedLines} damaged, what they said is taken for the worst`)] : []),
  ];
}

function copyLines({ lastCopy, copyBeganMs, copyExitCode, holder, unfinishedFiles }: MigrationStatus): string[] {
  const cut = holder ? 'under way' : 'was cut off';
  const end = copyExitCode === null ? cut : `ended with ${exitText(copyExitCode)}`;
  const began = copyBeganMs === null ? undefined : `began ${timeText(copyBeganMs)}, ${end}`;
  return [
    row('last copy', [began, lastCopy && endText(lastCopy)].filter(Boolean).join('; before that: ') || 'none'),
    ...(unfinishedFiles > 0
      ? [
          row(
            'unfinished',
            `${unfinishedFiles} big ${unfinishedFiles === 1 ? 'file' : 'files'}, continued by the next copy`,
          ),
        ]
      : []),
  ];
}

const completionText = ({ state, endTime }: { state: string; endTime?: number | null }): string =>
  typeof endTime === 'number' ? `${state} since ${timeText(endTime)}` : state;

function sourceText(source: SourceStatus): string {
  const url = printable(source.url);
  if ('error' in source) return `${url}: cannot be asked: ${printable(source.error)}`;
  return `${url}: ${source.kind === 'lm' ? 'an lm agent' : 'a Sidecar'}, ${completionText(source.status)}`;
}

const exitText = (exitCode: number): string => `exit code ${exitCode} (${EXIT_MEANING[exitName(exitCode)]})`;

const endText = ({ endedMs, exitCode, report }: LastRun<CopyReport>): string =>
  `ended ${timeText(endedMs)} with ${exitText(exitCode)}, threshold ${formatShare(report.successThreshold)}` +
  (report.only === undefined ? '' : `, only ${printable(report.only)}`);

const verifyText = ({ endedMs, exitCode, report }: LastRun<VerifyReport>): string =>
  `${report.state} ${timeText(endedMs)} with exit code ${exitCode}, ${report.digestAlgorithm}, ` +
  `filesMatched ${report.filesMatched}, digestMismatches ${report.digestMismatches}, ` +
  `metadataMismatches ${report.metadataMismatches}`;

/** Iterations in columns, numbers to the right. */
function passTable(iterations: readonly Iteration[]): string[] {
  const head = ['pass', 'state', 'matching', 'of', 'downloaded', 'removed', 'failed'];
  const cells = iterations.map((pass) => [
    `${pass.iteration}`,
    pass.state,
    formatShare(pass.matchRatio),
    formatBytes(pass.totalSize),
    `${pass.filesDownloaded} in ${formatBytes(pass.bytesDownloaded)}`,
    `${pass.filesRemoved}`,
    `${pass.downloadFailures}`,
  ]);
  const widths = head.map((name, column) => Math.max(name.length, ...cells.map((line) => line[column]!.length)));
  return [head, ...cells].map((line) => {
    const padded = line.map((cell, column) =>
      column === 1 ? cell.padEnd(widths[1]!) : cell.padStart(widths[column]!),
    );
    return `    ${padded.join('  ')}`;
  });
}

const row = (name: string, value: string): string => `  ${name.padEnd(12)}  ${value}`;

const timeText = (ms: number): string => new Date(ms).toISOString().replace(/\.\d+Z$/, 'Z');
