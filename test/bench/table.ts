// Measurements → medians, ratios, verdicts, and the one table of them. Pure: measures nothing and prints nothing.

import { median, spread, type Times } from './measure.js';

/** One comparison: lm beside one peer, or alone beside a limit. */
export interface Line {
  /** What `--only` calls the row it belongs to. */
  row: string;
  work: string;
  unit: 'seconds' | 'bytes' | 'times';
  ours: number[];
  /** Absent when lm is measured against a limit and not against a peer. */
  peer?: string;
  theirs?: number[] | undefined;
  /** At most this: a ratio to the peer's median, or without a peer a value in `unit`. Absent: for information. */
  target?: number | undefined;
  /** Why there is no number, in place of a verdict. */
  problem?: string | undefined;
}

export type Verdict = 'met' | 'missed' | 'no target' | 'not measured';

export interface Judged extends Line {
  median?: number | undefined;
  peerMedian?: number | undefined;
  ratio?: number | undefined;
  verdict: Verdict;
}

export function judge(line: Line): Judged {
  const ours = line.ours.length > 0 ? median(line.ours) : undefined;
  const theirs = line.theirs && line.theirs.length > 0 ? median(line.theirs) : undefined;
  const ratio = ours !== undefined && theirs !== undefined ? ours / theirs : undefined;
  const value = line.peer === undefined ? ours : ratio;
  const judged = { ...line, median: ours, peerMedian: theirs, ratio };
  if (line.problem !== undefined || value === undefined) return { ...judged, verdict: 'not measured' };
  if (line.target === undefined) return { ...judged, verdict: 'no target' };
  return { ...judged, verdict: value <= line.target ? 'met' : 'missed' };
}

/** The lines of one row with their numbers, or with the reason why one of the two has none. */
export function fillIn(lines: readonly Line[], ourName: string, times: ReadonlyMap<string, Times>): Line[] {
  const ours = times.get(ourName);
  return lines.map((line) => {
    const theirs = times.get(line.peer ?? '');
    const problem = line.problem ?? ours?.problem ?? theirs?.problem;
    return { ...line, ours: ours?.seconds ?? [], theirs: theirs?.seconds, problem };
  });
}

const HEAD = ['row', 'work', 'lm', 'peer', "peer's", 'ratio', 'target', 'verdict'];

export function formatTable(lines: readonly Judged[]): string {
  const rows = [HEAD, ...lines.map(cells)];
  const widths = HEAD.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  const rule = widths.map((width) => '-'.repeat(width));
  return [rows[0]!, rule, ...rows.slice(1)].map((row) => join(row, widths)).join('\n');
}

const join = (row: readonly string[], widths: readonly number[]): string =>
  row
    .map((cell, column) => cell.padEnd(widths[column]!))
    .join('  ')
    .trimEnd();

function cells(line: Judged): string[] {
  return [
    line.row,
    line.work,
    quantity(line.ours, line.unit),
    line.peer ?? '',
    line.peer === undefined ? '' : quantity(line.theirs ?? [], line.unit),
    line.ratio?.toFixed(2) ?? '',
    target(line),
    line.problem === undefined ? line.verdict : `${line.verdict}: ${shortened(line.problem)}`,
  ];
}

/** What a program said as it fell is long; all of it has been told before, and is in the JSON. */
const shortened = (text: string): string => (text.length <= 60 ? text : `${text.slice(0, 59)}…`);

function quantity(values: readonly number[], unit: Line['unit']): string {
  if (values.length === 0) return '-';
  const text = formatQuantity(median(values), unit);
  return values.length === 1 ? text : `${text} ±${Math.round(100 * spread(values))}%`;
}

function target(line: Line): string {
  if (line.target === undefined) return '';
  return `≤ ${line.peer === undefined ? formatQuantity(line.target, line.unit) : line.target.toFixed(2)}`;
}

function formatQuantity(value: number, unit: Line['unit']): string {
  switch (unit) {
    case 'seconds':
      return `${value.toFixed(value < 1 ? 3 : 2)} s`;
    case 'bytes':
      return `${(value / 1e6).toFixed(0)} MB`;
    case 'times':
      return `${value.toFixed(2)} ×`;
    default:
      return unit satisfies never;
  }
}
