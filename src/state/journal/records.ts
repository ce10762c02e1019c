// The records of the journal, one a line, and the facts that they amount to. Shapes only: history.ts folds them.

import type { EntryKey } from '../../files/entry.js';
import type { State } from '../../report/copy-report.js';
import type { CheckReport } from '../../report/parts.js';
import type { VerificationState } from '../../report/verify-report.js';
import type { PartRecord } from './folded-parts.js';

/** What a run records. Numbers of bytes are exact up to 2^53; 64-bit values are decimal strings, as in `Entry`. */
export type JournalRecord =
  | { type: 'run-started'; run: string; command: 'copy' | 'verify'; boot: string; source: string }
  | PartRecord
  /** Files about to be published that were young when they were read: only their digests can prove them. */
  | { type: 'young'; keys: EntryKey[] }
  /** There are more young files than are named: every file with this time or a later one counts as young. */
  | { type: 'young-since'; mtimeNs: string }
  /** Young files that digests have proved, or that are gone. `since`: so have all that counted as young by their time. */
  | { type: 'settled'; keys: EntryKey[]; since?: boolean }
  /** Files come from a snapshot from here on; `proved`: digests of the live directory have proved all that are here since. */
  | { type: 'snapshot'; proved?: true }
  | { type: 'iteration-ended'; iteration: number; state: State }
  /** What was written before `beganMs` is on disk. `rechecked`: every unsynced file was read again as well, and was whole. */
  | { type: 'sync-point'; boot: string; beganMs: number; rechecked?: boolean }
  /** `final`: it was a final pass, of every entry that `exclusions` do not leave out; see `exclusionsSum`. */
  | { type: 'copy-ended'; run: string; exitCode: number; final?: boolean; exclusions?: string }
  /** Without limits, the verification compared every entry of a source that stood still. */
  | ({ type: 'verify-ended'; run: string; state: VerificationState; exitCode: number } & ByProofs & Limits)
  /** How many SSTables --sstables has found damaged at the source; `all`: by looking at every one of them. */
  | { type: 'sstables'; damagedAtSource: number; all: boolean }
  /** The operator's own check of a copy or a verification begins; with `check` it has ended. */
  | { type: 'post-check'; run: string; command: string; check?: CheckReport }
  /** The inventory of a complete pass was recorded; `final`: a final pass has succeeded, then or before. */
  | { type: 'inventory'; run: string; final: boolean; sum: string }
  /** The first record of a journal that was started afresh: what the one before it amounted to, and the run that goes on, if one does. */
  | { type: 'carried'; facts: Facts; run?: string; boot?: string };

/**
 * A verification with one of these limits proves too little to complete a migration: it compared a part (`only`), a live source, with other
 * exclusions than the last copy, or this side alone (`offline`).
 */
export interface Limits {
  only?: EntryKey;
  live?: boolean;
  otherExclusions?: boolean;
  offline?: boolean;
  /** With `live`: it found entries that differ in their metadata, for which it did not fail. */
  notYetCopied?: boolean;
}

/** Of a verification that did not read again what earlier ones had proved; `oldestMs`: when the oldest proof was made that it used. */
export interface ByProofs {
  incremental?: true;
  oldestMs?: number;
}

/** A period of writing under one boot; nothing proves that what was written then is on disk. Epoch milliseconds. */
export interface UnsyncedPeriod {
  boot: string;
  fromMs: number;
  /** When writing began under another boot; null while it may go on under this one. */
  toMs: number | null;
}

export interface Facts {
  lastRun?: { run: string; command: 'copy' | 'verify'; source: string; atMs: number };
  /**
   * `exitCode` and `endedMs` are missing when the run did not record its end; `final` is missing then too, and when it was no final pass.
   * Dry runs leave no record.
   */
  lastCopy?: {
    run: string;
    atMs: number;
    endedMs?: number;
    exitCode?: number;
    final?: boolean;
    exclusions?: string;
  };
  lastVerify?: ByProofs & {
    run: string;
    state: VerificationState;
    exitCode: number;
    atMs: number;
    live?: true;
    otherExclusions?: true;
    offline?: true;
  };
  /** A verification of every entry, begun after the last copy had ended, found no difference, nor did a later one. */
  verified: boolean;
  /** SSTables that were damaged at the source when --sstables last looked at all of them, or since; absent is none. */
  damagedAtSource?: number;
  /** The last post-check; without `ended` it was stopped before it had ended. */
  postCheck?: {
    run: string;
    command: string;
    atMs: number;
    ended?: { exitCode: number | null; signal: string | null };
  };
  lastSyncPoint?: { boot: string; atMs: number };
  /** The last inventory; see inventory.ts. */
  inventory?: { run: string; final: boolean; sum: string };
  unsynced: UnsyncedPeriod[];
  /** Absent in records of an lm without young files. */
  young?: EntryKey[];
  youngSinceNs?: string;
  /** Files here may have come from a snapshot, and no digest of the live directory has proved them since. */
  fromSnapshot?: true;
}
