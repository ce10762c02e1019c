// Formats the runs of a migration, and their passes, as a table for people.

import { formatBytes, formatCount, formatShare, formatSpan } from '../../amounts.js';
import { printable } from '../../errors.js';
import type { PassSummary, RunSummary } from '../../migration/standing/run-history.js';
import { columns } from '../../render/columns.js';

/** `lm report` tells of all. */
const MAX_RUNS = 30;

/** The oldest first. `isAtWork`: somebody is, and it is the last that has not ended. */
export function historyLines(runs: readonly RunSummary[], isAtWork: boolean): string[] {
  if (runs.length === 0) return ['  history             nothing is recorded'];
  const left = Math.max(runs.length - MAX_RUNS, 0);
  const shown = runs.slice(left);
  const head = ['began', 'what', 'took', 'matching', 'exit', 'how it ended'];
  const cells = shown.flatMap((run) => [runCells(run, isAtWork && run === runs.at(-1)), ...run.passes.map(passCells)]);
  return [
    `  history${left > 0 ? `             ${formatCount(left, 'earlier run is', 'earlier runs are')} in lm report` : ''}`,
    ...columns([head, ...cells], { indent: '    ', isRight: (column) => column === 2 || column === 3 || column === 4 }),
  ];
}

function runCells({ command, beganMs, elapsedMs, exitCode, message, passes }: RunSummary, isAtWork: boolean): string[] {
  const ratio = passes.findLast(({ matchRatio }) => matchRatio !== undefined)?.matchRatio;
  return [
    timeText(beganMs),
    `lm ${command}`,
    elapsedMs === undefined ? '' : formatSpan(elapsedMs),
    ratio === undefined ? '' : formatShare(ratio),
    exitCode === undefined ? '' : `${exitCode}`,
    exitCode === undefined ? (isAtWork ? 'is under way' : 'was cut off') : printable(message ?? ''),
  ];
}

function passCells({ iteration, state, elapsedMs, matchRatio, bytesReceived }: PassSummary): string[] {
  const ratio = matchRatio === undefined ? '' : formatShare(matchRatio);
  return [
    '',
    `  pass ${iteration}`,
    formatSpan(elapsedMs),
    ratio,
    '',
    `${state}, ${formatBytes(bytesReceived)} received`,
  ];
}

const timeText = (ms: number): string => new Date(ms).toISOString().replace(/\.\d+Z$/, 'Z');
