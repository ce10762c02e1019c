// Formats the status of a migration as lines for people.

import { formatBytes, formatCount, formatLeft, formatRate, formatShare } from '../../amounts.js';
import { printable } from '../../errors.js';
import { EXIT_MEANING } from '../../exit-codes.js';
import type { SourceStatus } from '../../migration/source-status.js';
import type { MigrationStatus, RunningAgent } from '../../migration/status.js';
import { realRoots, untrustedRecordsText } from '../../migration/this-migration.js';
import { columns } from '../../render/columns.js';
import { besideText, changeText, lengthText } from '../../render/rows/forecast.js';
import { ageText, lostText } from '../../render/rows/proofs.js';
import { exitName, goalText } from '../../render/summary.js';
import type { CopyReport, Iteration } from '../../report/copy-report.js';
import type { VerifyReport } from '../../report/verify-report.js';
import type { StatusSettings } from '../../settings/settings.js';
import type { CompletedOverHttp } from '../../state/completed-over-http.js';
import { rootsText } from '../../state/instance.js';
import type { LastRun } from '../../state/last-run.js';
import { holderText, type LockHolder } from '../../state/lock/lock-holder.js';
import type { AgentState, RunProgress } from '../../state/lock/run-progress.js';
import type { Reopening } from '../../state/reopening.js';
import { type TaskRecord, taskState } from '../../state/task-record.js';
import type { Told } from '../standing/look.js';
import { historyLines } from './history-text.js';
import { nextLines } from './next-text.js';

/** All lines of one migration. */
export const migrationLines = (status: Told, history: boolean): string[] => [
  ...statusLines(status, history),
  ...lastLines(status),
];

export function statusLines(status: Omit<MigrationStatus, 'source'>, history: boolean): string[] {
  return [
    `${status.instance}: ${status.role}`,
    ...status.roots.map((root) => row(root.key, printable(root.path))),
    row('records', printable(status.dir)),
    ...(status.stranger === undefined ? [] : [row('', untrustedRecordsText(status.stranger))]),
    row('completion', completionText(status.completion)),
    ...(status.completedOverHttp === undefined ? [] : [row('completed', completedText(status.completedOverHttp))]),
    ...(status.reopened === undefined ? [] : [row('reopened', reopenedText(status.reopened))]),
    ...(status.role === 'destination' ? destinationLines(status) : agentLines(status.agents ?? [])),
    ...(history ? historyLines(status.history, status.holder !== null) : []),
  ];
}

/** The lines that come last, because the source has to answer first. */
export const lastLines = (status: Told): string[] => [...sourceLines(status), ...nextLines(status.next)];

const sourceLines = ({ role, source }: MigrationStatus): string[] =>
  role === 'source' ? [] : [row('source', source ? sourceText(source) : 'not known yet')];

/** A line of `--json`. */
export function fieldsOf({ history: runs, ...status }: Told, history: boolean): Record<string, unknown> {
  return { ...status, ...(history && { history: runs }) };
}

/** Names the stated roots, because other migrations may be known. */
export function noneText({ roots, stateDir }: StatusSettings): string {
  const stated = realRoots(roots);
  const ofThese = stated ? `of ${rootsText(stated)} ` : '';
  return `no migration ${ofThese}is known on this host; records are looked for in ${stateDir}`;
}

function destinationLines(status: Omit<MigrationStatus, 'source'>): string[] {
  const { holder, progress, limit, agents = [], lastCopy, lastVerify, damagedAtSource = 0, damagedLines } = status;
  return [
    row('running', holder === null ? 'nothing' : holderText(holder)),
    ...(progress === null ? [] : [row('', progressText(progress))]),
    ...(limit && limit.text !== 'none' ? [row('limit', printable(limit.text))] : []),
    ...(agents.length === 0 ? [] : agentLines(agents)),
    ...(status.task === undefined ? [] : [row('task', taskText(status.task, holder))]),
    ...copyLines(status),
    ...(lastCopy ? passTable(lastCopy.report.status) : []),
    ...forecastRows(status),
    row('last verify', lastVerify ? verifyText(lastVerify) : 'none'),
    row('verified', verifiedText(status)),
    ...proofLines(status),
    ...(damagedAtSource > 0
      ? [row('damaged', `${formatCount(damagedAtSource, 'SSTable')} at the source already, and so here`)]
      : []),
    ...(damagedLines > 0 ? [row('journal', `${damagedLines} damaged lines, for which the worst is assumed`)] : []),
  ];
}

/** Of a copy that runs, what its last pass has found. */
function forecastRows({ completion, progress, forecast }: Omit<MigrationStatus, 'source'>): string[] {
  if (completion.state === 'COMPLETED') return [];
  if (progress?.downtimeMs !== undefined)
    return [row('if stopped', `${lengthText(progress.downtimeMs)}, by the pass under way`)];
  if (!forecast) return [];
  const made = `by the pass of ${timeText(forecast.atMs)}; lm copy --dry-run looks again`;
  return [
    row(
      'if stopped',
      `if you stop the source now, ${lengthText(forecast.downtimeMs)}${besideText(forecast)} (${made})`,
    ),
    ...(forecast.change ? [row('', changeText(forecast.change))] : []),
  ];
}

function verifiedText({ verified, verifiedBy }: Omit<MigrationStatus, 'source'>): string {
  if (!verified) return 'no';
  const yes = 'yes: no difference, and no copy since';
  if (verifiedBy?.by !== 'incremental') return yes;
  const { oldestMs } = verifiedBy;
  return `${yes}; incrementally${oldestMs === undefined ? '' : `, with proofs back to ${ageText(oldestMs, Date.now())}`}`;
}

function proofLines({ proofs }: Omit<MigrationStatus, 'source'>): string[] {
  if (!proofs || proofs.files === 0) return [];
  const { read, received, bytes, lost } = proofs;
  return [
    row('proofs', `${formatCount(read, 'file')} read back, ${received} only received, ${formatBytes(bytes)}`),
    ...(lost && lost.entries > 0 ? [row('', `lost by the last verification: ${lostText(lost)}`)] : []),
  ];
}

const agentLines = (agents: RunningAgent[]): string[] =>
  agents.length === 0
    ? [row('agent', 'none runs, as far as can be seen from here')]
    : agents.flatMap(({ holder, url, limit, snapshots = [], clients = [] }) => [
        row('agent', url === undefined ? holderText(holder) : `${printable(url)}, ${holderText(holder)}`),
        ...(limit === undefined ? [] : [row('limit', printable(limit))]),
        ...(snapshots.length === 0
          ? []
          : [row('snapshot', `of ${snapshots.map(printable).join(', ')}, for passes below 1.0`)]),
        ...clients.map((client) => row('client', clientText(client))),
        ...(url !== undefined && clients.length === 0 ? [row('client', 'none in the last minute')] : []),
      ]);

export const clientText = ({
  address,
  sinceMs,
  requests,
  bytes,
  bytesPerSecond,
}: AgentState['clients'][number]): string =>
  `${printable(address)} since ${timeText(sinceMs)}: ${formatRate(bytesPerSecond)}, ${formatBytes(bytes)} in ` +
  formatCount(requests, 'request');

/** `iteration 0: DOWNLOADING, 1.2 GiB of 2.9 GiB, 88.0 MiB/s, 812 of 2000 files, 3 % matched before, since 2026-…` */
export function progressText(progress: RunProgress): string {
  const { state, iteration, matchRatio, bytesDone, bytesTotal, bytesPerSecond, filesDone, filesTotal } = progress;
  return [
    stateText(state, iteration),
    ...(bytesDone === undefined ? [] : [`${formatBytes(bytesDone)} of ${formatBytes(bytesTotal ?? -1)}`]),
    ...(bytesPerSecond === undefined ? [] : [formatRate(bytesPerSecond)]),
    ...(filesDone === undefined ? [] : [`${filesDone} of ${formatCount(filesTotal ?? 0, 'file')}`]),
    ...(matchRatio === undefined ? [] : [`${formatShare(matchRatio)} of the bytes matched at its start`]),
    `since ${timeText(progress.sinceMs)}`,
  ].join(', ');
}

function stateText(state: string, iteration: number): string {
  if (state === 'POST_CHECK') return 'the post-check runs';
  return state === 'VERIFYING' || state === 'REPAIRING' ? state : `iteration ${iteration}: ${printable(state)}`;
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

/** `copy 5b6c…, for 10.0.0.9 since 2026-…: FAILED 2026-…: why` */
function taskText(task: TaskRecord, holder: LockHolder | null): string {
  const { kind, id, by, createdMs, endedMs, document } = task;
  const isRunning = holder !== null && holder !== 'unknown' && 'command' in holder && holder.command.includes(id);
  const end = endedMs === null ? (isRunning ? '' : ', cut off') : ` ${timeText(endedMs)}`;
  const why = document.message === undefined ? '' : `: ${printable(document.message)}`;
  return `${kind} ${printable(id)}, for ${printable(by)} since ${timeText(createdMs)}: ${printable(taskState(task))}${end}${why}`;
}

const completionText = ({ state, endTime }: { state: string; endTime?: number | null | undefined }): string =>
  typeof endTime === 'number' ? `${state} since ${timeText(endTime)}` : state;

const completedText = ({ by, atMs, unproved }: CompletedOverHttp): string =>
  `${timeText(atMs)} by ${printable(by)}, over HTTP` +
  (unproved.length > 0 ? `, without ${unproved.map(printable).join(' and ')}` : '');

const reopenedText = ({ by, atMs }: Reopening): string => `${timeText(atMs)} by ${printable(by)}, over HTTP`;

function sourceText(source: SourceStatus): string {
  const url = printable(source.url);
  if ('error' in source) return `${url}: cannot be asked: ${printable(source.error)}`;
  if (source.kind === 'directory') return `${url}: a directory of this host`;
  const reopened = source.reopened === undefined ? '' : `, reopened ${printable(source.reopened)}`;
  const snapshot = source.snapshot === undefined ? '' : `, serves a snapshot of ${printable(source.snapshot)}`;
  return `${url}: ${source.kind === 'lm' ? 'an lm agent' : 'a Sidecar'}, ${completionText(source.status)}${reopened}${snapshot}`;
}

const exitText = (exitCode: number): string => `exit code ${exitCode} (${EXIT_MEANING[exitName(exitCode)]})`;

const endText = ({ endedMs, exitCode, report }: LastRun<CopyReport>): string =>
  `ended ${timeText(endedMs)} with ${exitText(exitCode)}, ${goalText(report)}` +
  (report.only === undefined ? '' : `, only ${printable(report.only)}`);

const verifyText = ({ endedMs, exitCode, report }: LastRun<VerifyReport>): string =>
  `${report.state} ${timeText(endedMs)} with exit code ${exitCode}, ${report.digestAlgorithm}, ` +
  `filesMatched ${report.filesMatched}, digestMismatches ${report.digestMismatches}, ` +
  `metadataMismatches ${report.metadataMismatches}`;

/** One line per pass, in columns. */
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
  return columns([head, ...cells], { indent: '    ', isRight: (column) => column !== 1 });
}

const row = (name: string, value: string): string => `  ${name.padEnd('saved_caches/0'.length)}  ${value}`;

const timeText = (ms: number): string => new Date(ms).toISOString().replace(/\.\d+Z$/, 'Z');
