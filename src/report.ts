// What a run amounts to. Field and state names are the Sidecar's (LiveMigrationDataCopyResponse, …VerificationResponse).

import type { DirType, EntryKey, RootKey } from './files/entry.js';

export interface Share {
  entries: number;
  bytes: number;
}

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

/** One pass. -1 stands for what is not known yet. Files count directories and links too, as in the Sidecar. */
export interface Iteration {
  iteration: number;
  state: State;
  totalSize: number;
  totalFiles: number;
  bytesToDownload: number;
  filesToDownload: number;
  filesDownloaded: number;
  downloadFailures: number;
  /** Published files at their listed size. */
  bytesDownloaded: number;
  /** Not in the Sidecar's document: payload bytes that came over the wire, and those an earlier run had left in parts. */
  bytesReceived: number;
  bytesReused: number;
  /** Files that were gone, or had changed, when their turn came. Neither is a failure. */
  filesVanished: number;
  filesChanged: number;
  firstVanished?: EntryKey[];
  firstChanged?: EntryKey[];
  /** Of the failures, those of files that could not be read at the source; absent is 0. */
  filesUnreadable?: number;
  /** Entries and bytes CLEANING removed. */
  filesRemoved: number;
  bytesRemoved: number;
  /** Files left for the final pass because they are being written to, and their listed size; 0 in a final pass. */
  filesLeft: number;
  bytesLeft: number;
  firstLeft?: EntryKey[];
  /** Bytes of entries that match the source, over totalSize less bytesLeft, as found at the start of this pass; 0 of 0 is 1. */
  matchRatio: number;
  /** The same root by root. */
  roots?: RootShare[];
}

export interface RootShare {
  key: RootKey;
  total: Share;
  matching: Share;
  left: Share;
  /** Up to ten each: what is yet to come, and so holds `matching` down, and what was left. */
  firstMissing: EntryKey[];
  firstLeft: EntryKey[];
}

/** So many entries, the first ten by their keys. */
export interface Named {
  entries: number;
  first: EntryKey[];
}

/** What takes no part, or not as it is, as the last listings of the run found it. Not in the Sidecar's documents. */
export interface LeftOut {
  /** Sockets, pipes and devices of the source. */
  special: Named;
  /** By either side's patterns, and a lost+found that could not be looked into; a directory counts once, with all it holds. */
  excludedAtSource: Named;
  excludedHere: Named;
  /** Directories that only the destination has, where they are because something excluded lies in them. */
  shielded: Named;
  /** A copy's: unfinished work of an earlier one that is of no use any more, and is removed. */
  stale: Named;
  /** Programs that are set-user-id or set-group-id at the source, and not to be here: --keep-setuid was not given. */
  setuid: Named;
  /** Names of files of the source that have several: each becomes a file of its own. */
  hardLinks?: Named;
  /** Files of the source that take up less than their size, and by how much: a copy fills the holes. */
  holes?: Named & { bytes: number };
}

export interface Amount {
  entries: number;
  bytes: number;
}

/** What the destination cannot keep of entries that are right otherwise, as the last listings of the run found it. */
export interface NotKept {
  times: Named;
  modes: Named;
  owners: Named;
  /** For people: which file system keeps what, and which entry came to be what. */
  causes: string[];
}

/** An owner of the source's, and who that is here. */
export interface MappedOwner {
  id: number;
  /** Null: it has none there, or none was told. */
  name: string | null;
  to: number;
  /** The name that both hosts know, a number that nobody else has here, or a rule of the operator's. */
  by: 'name' | 'number' | 'rule';
}

/** Whom owners were taken for, as the last listing of the run found them. Root, which is root everywhere, is not mentioned. */
export interface OwnersReport {
  /** Why they are neither set nor compared, or every number is taken as it is; absent where they go by name. */
  notByName?: 'may-not-set' | 'numeric' | 'not-told';
  /** The first thousand each, by number. */
  users: MappedOwner[];
  groups: MappedOwner[];
  /** How many there are beyond those. */
  more?: number;
  /** Of those that an earlier copy took for somebody else, and how many entries get another owner in this run. */
  changed?: { owners: string[]; entries: number };
}

export interface CopyReport {
  run: string;
  source: string;
  maxIterations: number;
  successThreshold: number;
  maxConcurrency: number;
  status: Iteration[];
  dryRun: boolean;
  /** Of a dry run: what a real one would do, and what it would refuse to. */
  wouldDo?: { download: Amount; remove: Amount; fix: number; refuses: string[] };
  /** The key prefix the run was confined to; such a run never stands for the final pass. */
  only?: EntryKey;
  leftOut?: LeftOut;
  /** Only if there is any. */
  notKept?: NotKept;
  /** Only if there is any but root. */
  owners?: OwnersReport;
  /** What was removed or replaced, and where it is kept; later passes have directories beside the first one's. */
  backup?: { dir: string; entries: number; bytes: number };
  /** Types of directories that were left out knowingly: what they hold is not here. */
  without?: DirType[];
  /** Of Cassandra, left by operations that had not ended, and those of them that name files elsewhere than they stand here. */
  txnLogs?: { logs: number; elsewhere: number };
}

export type VerificationState = 'NOT_STARTED' | 'IN_PROGRESS' | 'COMPLETED' | 'FAILED' | 'CANCELLED';

export interface VerifyReport {
  run: string;
  source: string;
  digestAlgorithm: string;
  state: VerificationState;
  filesNotFoundAtSource: number;
  filesNotFoundAtDestination: number;
  metadataMatched: number;
  metadataMismatches: number;
  digestMismatches: number;
  digestVerificationFailures: number;
  filesMatched: number;
  /** Somebody was at work on the source meanwhile, so this proves too little to complete a migration. */
  live?: true;
  /** It came before a final pass that succeeded: the same. */
  beforeFinalPass?: true;
  /** What it left out is not what the last copy left out: the same. */
  otherExclusions?: true;
  /** How often each reason was met; more than one may be true of an entry. */
  reasons?: Partial<Record<DifferenceReason, number>>;
  /** As in CopyReport. */
  without?: DirType[];
  leftOut?: LeftOut;
  /** Only if there is any. */
  notKept?: NotKept;
  /** As in CopyReport. */
  owners?: OwnersReport;
}

/** Why a path differs between the two sides. */
export type DifferenceReason =
  | 'not-found-at-source'
  | 'not-found-at-destination'
  | 'type'
  | 'size'
  | 'mtime'
  | 'mode'
  | 'owner'
  | 'link-target'
  | 'digest'
  | 'unreadable-at-source'
  | 'unreadable-at-destination'
  | 'changed-while-reading';

export interface Difference {
  key: EntryKey;
  reason: DifferenceReason;
  source?: string;
  destination?: string;
}
