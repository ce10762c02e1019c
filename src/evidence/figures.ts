// Sums up a document of evidence for people: where the migration stands, and its totals. Pure.

import { formatBytes } from '../amounts.js';
import type { Iteration } from '../report/copy-report.js';
import type { VerifyReport } from '../report/verify-report.js';
import type { PassEvidence, RunEvidence } from '../state/evidence/runs.js';
import type { EvidenceDocument } from './document.js';

export interface Standing {
  text: string;
  tone: 'good' | 'bad' | '';
}

export function standingOf({ completed, ended, runs }: EvidenceDocument): Standing {
  const after = ended ? (ended.how === 'reset' ? ', records reset' : ', forgotten') : '';
  if (completed) {
    const { waived } = completed;
    return {
      text: `complete${waived.length > 0 ? ' with waivers' : ''}${after}`,
      tone: waived.length > 0 ? '' : 'good',
    };
  }
  const last = runs.at(-1);
  if (ended) return { text: `not completed${after}`, tone: 'bad' };
  if (!last) return { text: 'no run is recorded', tone: 'bad' };
  if (last.exitCode === undefined)
    return { text: `${last.command} has recorded no end: it still runs, or was cut off`, tone: 'bad' };
  return {
    text: `not complete; last ${last.command} ended with ${last.exitCode}`,
    tone: last.exitCode === 0 ? '' : 'bad',
  };
}

export const copiesIn = ({ runs }: EvidenceDocument): RunEvidence[] => runs.filter(({ command }) => command === 'copy');

export interface NumberedPass extends PassEvidence {
  run: RunEvidence;
  /** Which copy it belongs to, from 1. */
  copy: number;
}

export const passesIn = (document: EvidenceDocument): NumberedPass[] =>
  copiesIn(document).flatMap((run, i) => run.passes.map((pass) => ({ ...pass, run, copy: i + 1 })));

/** `2.0`: the second copy, its first pass. */
export const passName = ({ copy, pass }: Pick<NumberedPass, 'copy' | 'pass'>): string => `${copy}.${pass.iteration}`;

interface Totals {
  passes: number;
  bytesReceived: number;
  filesRemoved: number;
  bytesRemoved: number;
  removedText: string;
  /** The last pass that has come to a plan. */
  last: Iteration | undefined;
  /** The last verification that has passed. */
  verified: VerifyReport | undefined;
}

export function totalsOf(document: EvidenceDocument): Totals {
  const passes = passesIn(document).map(({ pass }) => pass);
  const sum = (name: 'bytesReceived' | 'filesRemoved' | 'bytesRemoved'): number =>
    passes.reduce((total, pass) => total + pass[name], 0);
  const bytesRemoved = sum('bytesRemoved');
  return {
    passes: passes.length,
    bytesReceived: sum('bytesReceived'),
    filesRemoved: sum('filesRemoved'),
    bytesRemoved,
    removedText: `entries, ${formatBytes(bytesRemoved)}`,
    last: passes.findLast(({ totalSize }) => totalSize >= 0),
    verified: document.runs.findLast(({ verification }) => verification?.report.state === 'COMPLETED')?.verification
      ?.report,
  };
}

/** Of the last pass in which something was missing: what held its ratio down. */
export function lastShortPass(document: EvidenceDocument): NumberedPass | undefined {
  return passesIn(document).findLast(({ pass }) => pass.totalSize > 0 && pass.matchRatio < 1 && pass.roots);
}

/** Who made a limit hold. */
export const LIMITED_BY = {
  start: 'as it was started',
  clock: 'by its timetable',
  operator: 'by lm limit',
} as const satisfies Record<RunEvidence['limits'][number]['by'], string>;
