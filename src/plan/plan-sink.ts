// Declares the decisions that a diff can make for an entry. plan/plan.ts writes them to disk; tests collect them.

import type { Reason } from '../events.js';
import type { Entry, EntryKey } from '../files/entry.js';

/** The attributes that are set where the content is right. */
export type Fix = Extract<Reason, 'mode' | 'owner' | 'mtime'>;

/** Receives the decisions, in an order in which they can be carried out: removals and `finishDirectory` come children first. */
export interface PlanSink {
  /** An extraneous entry, or one of the wrong kind. A directory comes after everything in it. */
  remove(dir: EntryKey, entry: Entry, reason: Reason): void;
  mkdir(dir: EntryKey, entry: Entry, reason: Reason): void;
  /** A file or link to fetch whole; `entry` is the source's. */
  fetch(dir: EntryKey, entry: Entry, reason: Reason): void;
  /** Contents are equal, or taken for equal; mode, owner or time differ. `entry` is the source's, `local` the one that gets its attributes. */
  fix(dir: EntryKey, entry: Entry, reason: Reason, local: Entry): void;
  /**
   * A directory whose mode, owner or time must be set once everything below it is done. `isNew` when the plan makes it; `fix` is the mode or
   * owner that differs from the source's. `local` is the existing one.
   */
  finishDirectory(dir: EntryKey, entry: Entry, isNew: boolean, fix: Reason | undefined, local: Entry | undefined): void;
  /** Sizes are equal, and only digests can decide. Afterwards the file is fetched with the reason `digest`, fixed, or nothing is done. */
  check(dir: EntryKey, source: Entry, local: Entry, fix: Fix | undefined): void;
  /** A file that is left for the final pass; what there is of a part of it stays. */
  left(dir: EntryKey, entry: Entry): void;
  /** A part that lies here. */
  part(dir: EntryKey, entry: Entry): void;
}
