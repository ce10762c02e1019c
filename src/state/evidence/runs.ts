// The runs of a migration as its evidence tells of them. Shapes only; fold.ts makes them from the records.

import type { EntryKey } from '../../files/entry.js';
import type { CopyReport, Iteration } from '../../report/copy-report.js';
import type { CheckReport } from '../../report/parts.js';
import type { Difference, VerifyReport } from '../../report/verify-report.js';
import type {
  EvidenceCommand,
  HostIdentity,
  ManifestEvidence,
  PassTimes,
  Point,
  SourceEvidence,
  StatedSetting,
} from './records.js';

/** Times are milliseconds since the epoch where they end in `AtMs`. */
export interface Folded {
  /** In the order in which they began. */
  runs: RunEvidence[];
  source?: SourceEvidence;
  /** Absent until the migration was completed on this host. */
  completed?: { atMs: number; waived: string[]; by?: string };
  /** Absent until a reset, or `lm instances --forget`. */
  ended?: { atMs: number; how: 'reset' | 'forgotten' };
  /** What is missing; all 0 for evidence that is whole. */
  missing: { damagedLines: number; series: number; records: number; runsWithoutEnd: number };
}

export interface RunEvidence {
  run: string;
  command: EvidenceCommand;
  beganAtMs: number;
  /** These three are missing for a run that was killed, or that is still going on. */
  endedAtMs?: number;
  exitCode?: number;
  message?: string;
  /** Of the error that ended it. */
  code?: string;
  details?: string[];
  hint?: string;
  host?: HostIdentity;
  settings: StatedSetting[];
  passes: PassEvidence[];
  removals: { iteration: number; entries: number; bytes: number; first: EntryKey[] }[];
  checks: { which: 'pre-check' | 'post-check'; iteration: number; atMs: number; check: CheckReport }[];
  /** The limits that held one after another; of one without timetable only those that `lm limit` has set. */
  limits: { atMs: number; by: 'start' | 'clock' | 'operator'; text: string; bytesPerSecond: number | null }[];
  warnings: { atMs: number; text: string; details?: string[] }[];
  /** How many more there were. */
  moreWarnings: number;
  /** Of a copy that has ended by itself. */
  copy?: Omit<CopyReport, 'status'>;
  verification?: VerificationEvidence;
}

export interface PassEvidence {
  beganAtMs: number;
  endedAtMs: number;
  pass: Iteration;
  times: PassTimes;
  series: Point[];
}

export interface VerificationEvidence {
  beganAtMs: number;
  endedAtMs: number;
  report: VerifyReport;
  bytesCompared: number;
  firstDifferences: Difference[];
  manifest?: ManifestEvidence;
  series: Point[];
}
