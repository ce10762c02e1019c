// What a diff may decide of an entry. Plans are written by one, tests by another.

import type { Reason } from '../events.js';
import type { Entry, EntryKey } from '../files/entry.js';

/** What alone is set where the content is right. */
export type Mend = Extract<Reason, 'mode' | 'owner' | 'mtime'>;

/** Where the decisions go, in the order in which they may be carried out: removals and settlings come children first. */
export interface PlanSink {
  /** A foreign entry, or one of the wrong kind. A directory comes after all it held. */
  remove(dir: EntryKey, entry: Entry, reason: Reason): void;
  mkdir(dir: EntryKey, entry: Entry, reason: Reason): void;
  /** A file or link to bring whole; `entry` is the source's. */
  fetch(dir: EntryKey, entry: Entry, reason: Reason): void;
  /** Contents match, or are believed to; mode, owner or time do not. `entry` is the source's; `local` is what they are to be given to. */
  fix(dir: EntryKey, entry: Entry, reason: Reason, local: Entry): void;
  /**
   * A directory whose mode, owner or time will have to be set once all below it is done; `made`, when the plan makes it first, `mend`
   * when its mode or owner is not the source's. `local` is the one that is there.
   */
  settle(dir: EntryKey, entry: Entry, made: boolean, mend: Reason | undefined, local: Entry | undefined): void;
  /** Same size: only the digests can tell. Afterwards the file is brought as `digest`, mended, or left alone. */
  check(dir: EntryKey, source: Entry, local: Entry, mend: Mend | undefined): void;
  /** Unfinished bytes of an earlier run. */
  part(dir: EntryKey, entry: Entry): void;
}
