// What the main thread asks of a lane and what it hears back. Plain data: it crosses threads.

import type { DiskOptions, UnkeptNow } from '../disk/attributes.js';
import type { Share, Side } from '../events.js';
import type { Entry, EntryKey } from '../files/entry.js';
import type { Roots } from '../files/roots.js';
import type { LaneFault } from '../source/failure.js';
import type { Transport } from '../source/transport.js';
import type { Slice } from '../spool/spool.js';

export interface LaneSetup {
  roots: Roots;
  disk: DiskOptions;
  transport: Transport;
  limitRate?: number | undefined;
  /** The pacing clock, one for all lanes. */
  clock: SharedArrayBuffer;
  /** LaneCounters, one for all lanes. */
  counters: SharedArrayBuffer;
}

/** Running totals, added to by every lane and read by the main thread for its progress events; no messages needed. */
export const LANE_COUNTERS = { bytesReceived: 0, bytesDone: 1, filesDone: 2, entriesKept: 3, bytesKept: 4 } as const;

/** Disk work that needs no bytes: the slices of the plan's spools of the same names. */
export type Deed = 'remove' | 'mkdir' | 'fix' | 'settle';

export type LaneJob =
  /**
   * `from`: how many of the files that are asked for an earlier one has settled; undefined for the first. `mostBytes`: of files at once,
   * but one at least.
   */
  | { kind: 'bundle'; spool: string; slice: Slice; from?: number; mostBytes: number }
  /** Into the part the main thread has made. `offset` is a multiple of 1 MiB. `proved`: memory of transfer/lane/proved-range. */
  | ({ kind: 'range'; proved: SharedArrayBuffer } & RangeOfPart)
  /** Whether the bytes that are there are the source's, block by block. */
  | ({ kind: 'compare' } & RangeOfPart)
  /** What a bundle has left unpublished. */
  | { kind: 'publish'; files: Wanted[] }
  | { kind: Deed; spool: string; slice: Slice }
  /** Directories may have gone, or have been made again. */
  | { kind: 'forget' }
  /** Ends downloads under way at the next chunk; their jobs are rejected. */
  | { kind: 'stop' };

interface RangeOfPart {
  dir: EntryKey;
  entry: Entry;
  partId: string | undefined;
  offset: number;
  length: number;
}

/** A job as it is handed over. `backup`: the directory that keeps what it removes or replaces. */
export type LaneOrder = LaneJob & { backup?: string };

/** A file of a unit. */
export interface Wanted {
  dir: EntryKey;
  entry: Entry;
  /** The inode of the part that has been made for it. */
  partId?: string | undefined;
}

export type FileResult = 'vanished' | 'changed' | 'failed';

export interface FileProblem {
  key: EntryKey;
  result: FileResult;
  message: string;
  side?: Side;
}

export interface LaneResult {
  /** Entries dealt with, and the listed bytes of files that were published. */
  done: Share;
  problems: FileProblem[];
  /** Files that were young when they were read. A bundle's are whole, but not published: that takes the journal first. */
  young: Wanted[];
  /** Of a bundle, files asked for that need no further try; of a range, bytes from its start that are on disk and proved. */
  settled: number;
  /** Bytes of files that came. */
  received: number;
  /** Of a bundle, files asked for that are not settled. */
  left?: number;
  /** Of a bundle, settled here and left to be moved in ranges: a file so large that the line is too slow to begin it again. */
  apart?: Wanted;
  /** Of a comparison. */
  equal?: EqualRange[];
  /** Attributes that the destination has not taken, of this job or one beside it. */
  unkept?: UnkeptNow[];
  /** What cut the unit short; the rest of it deserves another try, if the retry policy agrees. */
  fault?: LaneFault | undefined;
}

export const empty = (): LaneResult => ({
  done: { entries: 0, bytes: 0 },
  problems: [],
  young: [],
  settled: 0,
  received: 0,
});

/** Bytes of a part that are the source's. `ctimeNs`: of the file there; `young`: it was, as the source read it for this. */
export interface EqualRange {
  offset: number;
  length: number;
  ctimeNs: string;
  young: boolean;
}
