// The evidence of a migration as one document: what `lm report --json` prints, and what the text and the page are made from. Shapes only.

import type { Downtime } from '../report/downtime.js';
import type { EvidenceCommand, HostIdentity, ManifestEvidence } from '../state/evidence/records.js';
import type { Folded } from '../state/evidence/runs.js';

/** Times are milliseconds since the epoch where they end in `AtMs`, and lengths where they end in `Ms`. */
export interface EvidenceDocument extends Folded {
  /** The name with which `--instance` opens it. */
  instance: string;
  role: 'source' | 'destination';
  roots: { key: string; path: string }[];
  /** The file it was read from. */
  file: string;
  /** Names of the evidence of earlier migrations of the same directories. */
  earlier: string[];
  /** Of the last run; absent when no run is recorded. */
  host?: HostIdentity;
  refusals: Refusal[];
  waivers: Waiver[];
  /** Absent before a final pass has succeeded. */
  downtime?: Downtime;
  manifest?: ManifestEvidence & { run: string; atMs: number; outdated: boolean };
}

export interface Refusal {
  run: string;
  atMs: number;
  command: EvidenceCommand;
  message: string;
  details: string[];
  hint?: string;
}

/** A flag that loosened a guard, or a proof that was gone without. */
export interface Waiver {
  run?: string;
  atMs: number;
  command: EvidenceCommand;
  what: string;
  /** `--adopt`, `LM_MAX_DELETE`; absent for what `lm complete` went without. */
  where?: string;
}
