// Declares the record of published files that were young when they were read, so that only digests can show whether they are the source's.

import type { Entry, EntryKey } from '../files/entry.js';

interface YoungFile {
  dir: EntryKey;
  entry: Entry;
}

/** The record lasts from run to run: each change is in the journal before the call returns. Throws `local`. */
export interface YoungFiles {
  /** Whether the record has any file. */
  readonly hasAny: boolean;
  /** Whether the file is to be compared by its digest whatever its times say. `entry` is the source's. */
  has(key: EntryKey, entry: Entry): boolean;
  /** Whether any file that lies directly in this directory is. */
  hasIn(dir: EntryKey): boolean;
  /** To be called before the files get their final names. */
  add(files: readonly YoungFile[]): void;
  /** Reports files with equal digests. They leave the record, unless `young` when the source read them. Takes effect when the survey is accepted. */
  compared(files: readonly (YoungFile & { young: boolean })[]): void;
}
