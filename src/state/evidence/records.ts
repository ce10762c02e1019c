// The records of a migration's evidence, one a line: what was done, by whom, and how it ended. Shapes only; no guard depends on them.
// A forecast learns from them how fast passes were, and --max-downtime goes by that.

import type { EntryKey } from '../../files/entry.js';
import type { CopyReport, Iteration } from '../../report/copy-report.js';
import type { CheckReport } from '../../report/parts.js';
import type { Difference, VerifyReport } from '../../report/verify-report.js';

export type EvidenceCommand = 'copy' | 'verify' | 'complete';

/** Milliseconds since a pass or a verification began, and bytes done by then. */
export type Point = readonly [ms: number, bytes: number];

/** How long each part of a pass took; absent where the pass did not come to it. */
export interface PassTimes {
  /** Guards, such as --pre-check; of the first pass, connecting to the source too. */
  guardMs?: number;
  /** Until the source stands still. */
  waitMs?: number;
  /** Listing both sides, and comparing names, sizes and times on the way. */
  listMs?: number;
  /** Digests of what times do not prove. */
  compareMs?: number;
  /** Judging the plan, and removing. */
  cleanMs?: number;
  /** Proving that the source stood still; before a download, whether there is room for it. */
  proveMs?: number;
  fetchMs?: number;
  /** Bringing all of it to the disk, and recording what is there. */
  syncMs?: number;
}

/** A setting in force that is no default; `source` and `where` as in `lm config show`. */
export interface StatedSetting {
  name: string;
  value: string | readonly string[];
  source: string;
  where: string;
}

/** The host that writes the evidence. */
export interface HostIdentity {
  /** What it is in the migration. */
  role: 'source' | 'destination';
  name: string;
  /** See `machineId`. */
  machine: string;
  /** `Linux 6.1.0 x64` */
  system: string;
  node: string;
  lm: string;
  roots: { key: string; path: string }[];
}

/** The source as a copy admitted it; a Sidecar has neither agent nor machine. */
export interface SourceEvidence {
  url: string;
  agentId: string;
  machine: string;
}

export interface ManifestEvidence {
  algorithm: string;
  files: number;
}

export type EvidenceRecord =
  | { type: 'run-started'; run: string; command: EvidenceCommand; host: HostIdentity; settings: StatedSetting[] }
  | ({ type: 'source'; run: string } & SourceEvidence)
  | { type: 'pass'; run: string; beganMs: number; pass: Iteration; times: PassTimes; series?: Point[] }
  | { type: 'removed'; run: string; iteration: number; entries: number; bytes: number; first: EntryKey[] }
  | { type: 'checked'; run: string; which: 'pre-check' | 'post-check'; iteration: number; check: CheckReport }
  /** The limit that held from then on; `by` as in the event. Null is none. */
  | { type: 'limited'; run: string; by: 'start' | 'clock' | 'operator'; text: string; bytesPerSecond: number | null }
  /** `more`: how many further warnings there were. */
  | { type: 'warned'; run: string; text: string; details?: string[] }
  | { type: 'warned-more'; run: string; more: number }
  | { type: 'copied'; run: string; report: Omit<CopyReport, 'status'> }
  | {
      type: 'verified';
      run: string;
      beganMs: number;
      report: VerifyReport;
      /** The size of the files that were compared by digest. */
      bytesCompared: number;
      firstDifferences: Difference[];
      manifest?: ManifestEvidence;
      series?: Point[];
    }
  /** `code` and `details`: of the error that ended it. */
  | {
      type: 'run-ended';
      run: string;
      exitCode: number;
      message: string;
      code?: string;
      details?: string[];
      hint?: string;
    }
  /** `run` is missing where a client of the agent marked it complete; `by` is that client. */
  | { type: 'completed'; run?: string; by?: string; waived: string[] }
  | { type: 'ended'; how: 'reset' | 'forgotten' }
  /** The file grew too long: so many series of samples, and so many records of the oldest runs, were left out of it. */
  | { type: 'trimmed'; series: number; records: number };
