// Declares the jobs that the main thread gives to workers and their results. Plain data, because it crosses threads.

import type { FileFailure } from '../digest/listed-file.js';
import type { DiskOptions, UnkeptNow } from '../disk/attributes.js';
import type { Version } from '../disk/versions.js';
import type { Share, Side } from '../events.js';
import type { Entry, EntryKey } from '../files/entry.js';
import type { Roots } from '../files/roots.js';
import type { Pace } from '../pace/rate.js';
import type { WorkerFault } from '../source/failure.js';
import type { Transport } from '../source/transport.js';
import type { Slice } from '../spool/spool.js';
import type { BlockRun } from '../wire/pages/pages-request.js';
import type { Range } from './part-journal.js';

export interface WorkerSetup {
  roots: Roots;
  disk: DiskOptions;
  transport: Transport;
  /** Of what is received, shared by all workers. */
  pace: Pace;
  /** The WORKER_COUNTERS, shared by all workers. */
  counters: SharedArrayBuffer;
}

/** Running totals: every worker adds to them, and the main thread reads them for progress events without messages. */
export const WORKER_COUNTERS = {
  bytesReceived: 0,
  bytesDone: 1,
  filesDone: 2,
  entriesBackedUp: 3,
  bytesBackedUp: 4,
} as const;

/** Disk operations without file contents, on slices of the plan's spools. */
export type DiskOperation = 'remove' | 'mkdir' | 'fix' | 'finish';

export type WorkerJob =
  /**
   * `from`: how many of the requested files earlier jobs have finished; undefined for the first job. `maxBytes` limits the files of one job,
   * which is at least one.
   */
  | { kind: 'bundle'; spool: string; slice: Slice; from?: number; maxBytes: number }
  /** Fetches into the part that the main thread has made. `offset` is a multiple of 1 MiB; `proved`: see transfer/worker/proved-range.ts. */
  | ({ kind: 'range'; proved: SharedArrayBuffer } & RangeOfPart)
  /** Compares the bytes of the part, or of the published version, which are written into the part then, with the source's, block by block. */
  | ({ kind: 'compare'; published?: Version } & RangeOfPart)
  /** Fetches the pages of these blocks of the part that differ from the source's, of a source that `sendsPages`. */
  | ({ kind: 'patch'; runs: BlockRun[] } & Part)
  /** Publishes the young files of a bundle. */
  | { kind: 'publish'; files: WantedFile[] }
  | { kind: DiskOperation; spool: string; slice: Slice }
  /** Closes directories, which may have been removed or made again. */
  | { kind: 'forget' }
  /** Stops downloads under way at the next chunk; their jobs are rejected. */
  | { kind: 'stop' };

interface Part {
  dir: EntryKey;
  entry: Entry;
  partId: string | undefined;
  /** Whether the bytes of a file that has changed are wanted too, as a basis. */
  torn: boolean;
}

interface RangeOfPart extends Part {
  offset: number;
  length: number;
}

/** A job as it is sent to a worker. `backup`: the directory in which removed or replaced entries are backed up. */
export type WorkerOrder = WorkerJob & { backup?: string };

/** A file of a unit. */
export interface WantedFile {
  dir: EntryKey;
  entry: Entry;
  /** Identifies the part that has been made for it; see `Disk.partIdOf`. */
  partId?: string | undefined;
}

/** What proves files of one directory that were received: rows as `rowText` writes them, with commas between. */
export interface ReceivedRows {
  dir: EntryKey;
  rows: string;
}

export interface FileProblem {
  key: EntryKey;
  result: FileFailure;
  message: string;
  side?: Side;
}

export interface WorkerResult {
  /** Entries done, and the listed bytes of published files. */
  done: Share;
  problems: FileProblem[];
  /** Files that were young when they were read. Those of a bundle are complete but not published: the journal must have them first. */
  young: WantedFile[];
  /** Of a bundle, requested files that need no retry; of a range, bytes from its start that are written and proved. */
  finished: number;
  /** Bytes of files that were received; of a patch, those of blocks that are proved. */
  received: number;
  /** Of a bundle, requested files that are not finished. */
  remaining?: number;
  /** Of a bundle: a file to be moved in ranges, because it is too large to be begun again on so slow a line. It counts as finished here. */
  oversized?: WantedFile;
  /** Of a bundle: what proves the files that were published. */
  proofs?: ReceivedRows[];
  /** What a comparison or a patch has proved. */
  equal?: EqualRange[];
  /** Blocks that are not the source's: of a comparison those that can be patched, of a patch those that it could not make equal. */
  differing?: Range[];
  /**
   * Of a range, a comparison or a patch whose file has changed: how many bytes from its start have come or were compared. Those that are neither
   * `finished` nor `equal` may be of any state of the file.
   */
  torn?: number;
  /** Of a comparison or a patch of such a file: what is here by now of those bytes. */
  same?: Range[];
  /** Attributes that the destination did not keep, of this job or one that ran at the same time. */
  unkept?: UnkeptNow[];
  /** What cut the unit short; the rest of it is retried if the retry policy allows. */
  fault?: WorkerFault | undefined;
}

export const noResult = (): WorkerResult => ({
  done: { entries: 0, bytes: 0 },
  problems: [],
  young: [],
  finished: 0,
  received: 0,
});

/**
 * Bytes of a part that equal the source's. `ctimeNs` of the source's file; `young`: whether it was when the source read it; `blocks`: the
 * XXH64 of each MiB.
 */
export interface EqualRange {
  offset: number;
  length: number;
  ctimeNs: string;
  young: boolean;
  blocks: Uint8Array;
}
