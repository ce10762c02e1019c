// The report of a copy. Fields and states have the Sidecar's names (LiveMigrationDataCopyResponse). Shapes only.

import type { DirType, EntryKey, RootKey } from '../files/entry.js';
import type { Forecast } from './forecast.js';
import type { CheckReport, LeftOut, NotKept, OwnersReport, Share, SSTablesReport } from './parts.js';

/** OperationStatus of the Sidecar. */
export type State =
  | 'STARTING'
  | 'CLEANING'
  | 'PREPARING'
  | 'DOWNLOADING'
  | 'DOWNLOAD_COMPLETE'
  | 'SUCCESS'
  | 'FAILED'
  | 'CANCELLED';

/** One pass. -1 means not known yet. Counters of files count directories and links too, as in the Sidecar. */
export interface Iteration {
  iteration: number;
  state: State;
  totalSize: number;
  totalFiles: number;
  bytesToDownload: number;
  filesToDownload: number;
  filesDownloaded: number;
  downloadFailures: number;
  /** The listed sizes of the files that got their final name. */
  bytesDownloaded: number;
  /** Not in the Sidecar's document: payload bytes received over the wire, and bytes that an earlier run had left in parts. */
  bytesReceived: number;
  bytesReused: number;
  /** What is kept of files that changed while they were read, as the basis of their next state; absent is 0. */
  bytesBasis?: number;
  /**
   * Bytes of big files of which an older version was here: `cloned`, by a reflink, and then compared; `shared`, likewise a clone, but of the
   * source's own file; `compared` with the version itself, of
   * which `differing` were not equal; `whole`, fetched without a comparison because that was faster. Absent where there were none.
   */
  delta?: { cloned: number; shared?: number; compared: number; differing: number; whole: number };
  /** Files that were gone, or had changed, when they were to be copied. Neither is a failure. */
  filesVanished: number;
  filesChanged: number;
  firstVanished?: EntryKey[];
  firstChanged?: EntryKey[];
  /** How many of the failures are files that could not be read at the source; absent is 0. */
  filesUnreadable?: number;
  /** Entries and bytes that CLEANING removed. */
  filesRemoved: number;
  bytesRemoved: number;
  /** Hot files, left for the final pass because they are being written to, and their listed size; 0 in a final pass. */
  filesLeft: number;
  bytesLeft: number;
  firstLeft?: EntryKey[];
  /** Bytes of entries that match the source, divided by totalSize less bytesLeft, as found at the start of this pass; 0 of 0 is 1. */
  matchRatio: number;
  /** The same for each root. */
  roots?: RootShare[];
  /** By what this pass has found before it copied; not of a final pass, and not of one that is limited by --only. */
  forecast?: Forecast;
}

export interface RootShare {
  key: RootKey;
  total: Share;
  matching: Share;
  left: Share;
  /** Up to ten each: entries still to be copied, which keep `matching` below `total`, and files left for the final pass. */
  firstMissing: EntryKey[];
  firstLeft: EntryKey[];
}

export interface CopyReport {
  run: string;
  source: string;
  maxIterations: number;
  /** 0 where --max-downtime alone says when to stop. */
  successThreshold: number;
  /** What the forecast has to come down to. */
  maxDowntimeMs?: number;
  maxConcurrency: number;
  status: Iteration[];
  dryRun: boolean;
  /** Set by a dry run: what a real run would do, and why it would refuse. */
  wouldDo?: { download: Share; remove: Share; fix: number; refuses: string[] };
  /** The key prefix that the run was limited to; such a run never counts as the final pass. */
  only?: EntryKey;
  leftOut?: LeftOut;
  /** Only if there is any. */
  notKept?: NotKept;
  /** Only if there is an owner other than root. */
  owners?: OwnersReport;
  /** What was removed or replaced, and where it is kept; later passes use directories beside `dir`. */
  backup?: { dir: string; entries: number; bytes: number };
  /** Types of roots that --without left out: what they hold is not here. */
  without?: DirType[];
  /** Of a copy with --sstables: what the source found in those that were fetched. */
  sstables?: SSTablesReport;
  /** Of a copy with --post-check that has reached its threshold. */
  postCheck?: CheckReport;
  /** Cassandra's transaction logs of unfinished operations, and how many of them name files that lie elsewhere here. */
  txnLogs?: { logs: number; elsewhere: number };
}
