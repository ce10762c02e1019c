// Files that are published but not proved: they were young when they were read, so only digests tell whether they are the source's.

import type { Entry, EntryKey } from '../files/entry.js';

export interface YoungFile {
  dir: EntryKey;
  entry: Entry;
}

/** Lasts from run to run: each change is with the journal before the call returns, or it throws `local`. */
export interface YoungFiles {
  /** Whether there are any. */
  readonly some: boolean;
  /** Whether the file is to be compared by its digest whatever its times say. `entry` is the source's. */
  has(key: EntryKey, entry: Entry): boolean;
  /** Whether any file that lies directly in this directory is. */
  hasIn(dir: EntryKey): boolean;
  /** Before they get their names. */
  add(files: readonly YoungFile[]): void;
  /** Found equal by digests: settled, unless the source's was taken while the file was `young`. Counts when the survey is accepted. */
  compared(files: readonly (YoungFile & { young: boolean })[]): void;
}
