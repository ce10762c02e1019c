// Declares what is known of the parts of big files, and the journal in which it is recorded.

import type { Entry, EntryKey } from '../files/entry.js';
import type { BlocksAt } from './parts/file-blocks.js';

export interface Range {
  offset: number;
  length: number;
}

/** What was recorded of a part. It counts only while both the source's file and the part are the same; else the part is a basis at most. */
export interface KnownPart {
  size: string;
  mtimeNs: string;
  /** The source's inode. */
  ino: string;
  /** See `Disk.partIdOf`. */
  partId: string;
  /** Proved ranges that are on disk, with the source's ctime when they were read; undefined where the source did not send one. */
  done: readonly (readonly [offset: number, length: number, ctimeNs?: string])[];
  /** Ranges that may be on disk: they were begun, or read while the file was young. */
  begun: readonly (readonly [offset: number, length: number])[];
  /** The hashes of the blocks in `done`, as far as they were recorded. */
  blocks?: readonly BlocksAt[];
}

/** The state of the source's file that comes with blocks from an agent that seals them. */
export interface SourceState {
  ctimeNs: string;
  young: boolean;
  /** XXH64 of each block. */
  blocks: Uint8Array;
}

/** The journal of parts. Each call is on disk before it returns, or throws `local`. */
export interface PartJournal {
  known(key: EntryKey): KnownPart | undefined;
  /** The files of which there is a part that is not being worked on: of an earlier run, or kept by this one. */
  unfinished(): EntryKey[];
  /** `unpublished`: the part was a file of this host. */
  started(key: EntryKey, entry: Entry, partId: string, unpublished?: boolean): void;
  /** A range is about to be fetched: from now on its bytes may be on disk, even if nothing more is recorded. */
  rangeBegun(key: EntryKey, range: Range): void;
  /** The bytes are written, and proved. */
  rangeDone(key: EntryKey, range: Range, state?: SourceState): void;
  /** The file was not published, and its part stays as a basis: it is known again. */
  kept(key: EntryKey): void;
  /** The file is published, or has failed: its part will not be resumed. */
  ended(key: EntryKey): void;
}
