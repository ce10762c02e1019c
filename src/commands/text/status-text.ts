// The status of a migration as lines for people. Pure: asks nobody, judges nothing.

import { printable } from '../../errors.js';
import { EXIT_MEANING } from '../../exit-codes.js';
import type { SourceStatus } from '../../migration/ask-source.js';
import type { MigrationStatus, RunningAgent } from '../../migration/status.js';
import { strangersRecords } from '../../migration/this-migration.js';
import { formatBytes, formatCount, formatLeft, formatRate, formatShare } from '../../render/quantities.js';
import { exitName } from '../../render/summary.js';
import type { CopyReport, Iteration, VerifyReport } from '../../report.js';
import type { LastRun } from '../../state/last-run.js';
import { holderText } from '../../state/lock/lock-holder.js';
import type { AgentState, RunProgress } from '../../state/lock/run-progress.js';
import type { Reopening } from '../../state/reopening.js';

export function statusLines(status: Omit<MigrationStatus, 'source'>): string[] {
  return [
    `${status.instance}: ${status.role}`,
    ...status.roots.map((root) => row(root.key, printable(root.path))),
    row('records', printable(status.dir)),
    ...(status.stranger === undefined ? [] : [row('', strangersRecords(status.stranger))]),
    row('completion', completionText(status.completion)),
    ...(status.reopened === undefined ? [] : [row('reopened', reopenedText(status.reopened))]),
    ...(status.role === 'destination' ? destinationLines(status) : agentLines(status.agents ?? [])),
  ];
}

/** What is known last, because it has to be asked for. */
export const sourceLines = ({ role, source }: MigrationStatus): string[] =>
  role === 'source' ? [] : [row('source', source ? sourceText(source) : 'not known yet')];

function destinationLines(status: Omit<MigrationStatus, 'source'>): string[] {
  const { holder, progress, lastCopy, lastVerify, damagedLines } = status;
  return [
    row('running', holder === null ? 'nothing' : holderText(holder)),
    ...(progress === null ? [] : [row('', progressText(progress))]),
    ...copyLines(status),
    ...(lastCopy ? passTable(lastCopy.report.status) : []),
    row('last verify', lastVerify ? verifyText(lastVerify) : 'none'),
    row('verified', status.verified ? 'yes: no difference, and no copy since' : 'no'),
    ...(damagedLines > 0 ? [row('journal', `${damagedLines} damaged, what they said is taken for the worst`)] : []),
  ];
}

const agentLines = (agents: RunningAgent[]): string[] =>
  agents.length === 0
    ? [row('agent', 'none runs, as far as can be seen from here')]
    : agents.flatMap(({ holder, url, clients = [] }) => [
        row('agent', url === undefined ? holderText(holder) : `${printable(url)}, ${holderText(holder)}`),
        ...clients.map((client) => row('client', clientText(client))),
        ...(url !== undefined && clients.length === 0 ? [row('client', 'none in the last minute')] : []),
      ]);

const clientText = ({ address, sinceMs, requests, bytes, bytesPerSecond }: AgentState['clients'][number]): string =>
  `${printable(address)} since ${timeText(sinceMs)}: ${formatRate(bytesPerSecond)}, ${formatBytes(bytes)} in ` +
  formatCount(requests, 'request');

/** `iteration 0: DOWNLOADING, 1.2 GiB of 2.9 GiB, 88.0 MiB/s, 812 of 2000 files, 3 % matched before, since 2026-…` */
function progressText(progress: RunProgress): string {
  const { state, iteration, matchRatio, bytesDone, bytesTotal, bytesPerSecond, filesDone, filesTotal } = progress;
  return [
    state === 'VERIFYING' ? state : `iteration ${iteration}: ${printable(state)}`,
    ...(bytesDone === undefined ? [] : [`${formatBytes(bytesDone)} of ${formatBytes(bytesTotal ?? -1)}`]),
    ...(bytesPerSecond === undefined ? [] : [formatRate(bytesPerSecond)]),
    ...(filesDone === undefined ? [] : [`${filesDone} of ${formatCount(filesTotal ?? 0, 'file')}`]),
    ...(matchRatio === undefined ? [] : [`${formatShare(matchRatio)} of the bytes matched at its start`]),
    `since ${timeText(progress.sinceMs)}`,
  ].join(', ');
}

function copyLines({
  lastCopy,
  copyBeganMs,
  copyExitCode,
  holder,
  unfinishedFiles,
}: Omit<MigrationStatus, 'source'>): string[] {
  const cut = holder ? 'under way' : 'was cut off';
  const end = copyExitCode === null ? cut : `ended with ${exitText(copyExitCode)}`;
  const began = copyBeganMs === null ? undefined : `began ${timeText(copyBeganMs)}, ${end}`;
  return [
    row('last copy', [began, lastCopy && endText(lastCopy)].filter(Boolean).join('; before that: ') || 'none'),
    ...(unfinishedFiles > 0
      ? [row('unfinished', `${formatCount(unfinishedFiles, 'big file')}, continued by the next copy`)]
      : []),
  ];
}

const completionText = ({ state, endTime }: { state: string; endTime?: number | null | undefined }): string =>
  typeof endTime === 'number' ? `${state} since ${timeText(endTime)}` : state;

const reopenedText = ({ by, atMs }: Reopening): string => `${timeText(atMs)} by ${printable(by)}, over HTTP`;

function sourceText(source: SourceStatus): string {
  const url = printable(source.url);
  if ('error' in source) return `${url}: cannot be asked: ${printable(source.error)}`;
  const reopened = source.reopened === undefined ? '' : `, reopened ${printable(source.reopened)}`;
  return `${url}: ${source.kind === 'lm' ? 'an lm agent' : 'a Sidecar'}, ${completionText(source.status)}${reopened}`;
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
    formatShare(pass.matchRatio) + formatLeft({ entries: pass.filesLeft ?? 0, bytes: pass.bytesLeft ?? 0 }),
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
