// What a run amounts to. Field and state names are the Sidecar's (LiveMigrationDataCopyResponse, …VerificationResponse).

import type { EntryKey } from './files/entry.js';

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
  /** Entries and bytes CLEANING removed. */
  filesRemoved: number;
  bytesRemoved: number;
  /** Bytes of entries that match the source, over totalSize, as found at the start of this pass; 0 of 0 is 1. */
  matchRatio: number;
}

export interface CopyReport {
  run: string;
  source: string;
  maxIterations: number;
  successThreshold: number;
  maxConcurrency: number;
  status: Iteration[];
  dryRun: boolean;
  /** The key prefix the run was confined to; such a run never stands for the final pass. */
  only?: EntryKey;
  /** What was removed or replaced, and where it is kept; later passes have directories beside the first one's. */
  backup?: { dir: string; entries: number; bytes: number };
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
