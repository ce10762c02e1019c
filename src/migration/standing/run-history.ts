// Lists what a migration has done so far, run by run, from its evidence: for people, and for advice.

import type { State } from '../../report/copy-report.js';
import { readEvidence } from '../../state/evidence/evidence-file.js';
import { foldEvidence } from '../../state/evidence/fold.js';
import type { EvidenceCommand, StatedSetting } from '../../state/evidence/records.js';
import type { PassEvidence, RunEvidence } from '../../state/evidence/runs.js';

export interface PassSummary {
  iteration: number;
  state: State;
  beganMs: number;
  elapsedMs: number;
  /** What matched when it began; absent where the pass came to no plan. */
  matchRatio?: number;
  bytesReceived: number;
}

/** One command, or task; also one that a guard has refused. Times are milliseconds since the epoch. */
export interface RunSummary {
  run: string;
  command: EvidenceCommand;
  beganMs: number;
  /** These three are absent for a run that was cut off, or that is under way. */
  elapsedMs?: number;
  exitCode?: number;
  message?: string;
  hint?: string;
  /** An error ended it, or nothing has recorded its end: it came to no result. */
  stopped: boolean;
  /** The options of its command line: `['--threshold', '0.95']`. */
  options: Option[];
  passes: PassSummary[];
}

/** An option as it was typed; `name` is its name without dashes. */
export interface Option {
  name: string;
  words: string[];
}

/** The oldest first. Throws `local` for evidence that cannot be read. */
export function runHistory(dir: string): RunSummary[] {
  const lines = readEvidence(dir);
  return lines === undefined ? [] : foldEvidence(lines).runs.map(summaryOf);
}

function summaryOf(evidence: RunEvidence): RunSummary {
  const { run, command, beganAtMs: beganMs, endedAtMs, exitCode, message, hint, settings, passes } = evidence;
  const result = { copy: evidence.copy, verify: evidence.verification, complete: exitCode === 0 || undefined }[command];
  return {
    ...{ run, command, beganMs },
    ...(endedAtMs !== undefined && { elapsedMs: endedAtMs - beganMs }),
    ...(exitCode !== undefined && { exitCode }),
    ...(message !== undefined && { message }),
    ...(hint !== undefined && { hint }),
    stopped: result === undefined || endedAtMs === undefined,
    options: settings.filter(({ source }) => source === 'flag').map(optionOf),
    passes: passes.map(passOf),
  };
}

function passOf({ beganAtMs: beganMs, endedAtMs, pass }: PassEvidence): PassSummary {
  const { iteration, state, totalSize, matchRatio, bytesReceived } = pass;
  const planned = totalSize >= 0 && { matchRatio };
  return { iteration, state, beganMs, elapsedMs: endedAtMs - beganMs, ...planned, bytesReceived };
}

function optionOf({ name, value }: StatedSetting): Option {
  if (value === 'true') return { name, words: [`--${name}`] };
  const values = typeof value === 'string' ? [value] : value;
  return { name, words: name === 'url' ? [...values] : values.flatMap((one) => [`--${name}`, one]) };
}
