// The report of a verification. Fields and states have the Sidecar's names (LiveMigrationFilesVerificationResponse).

import type { DirType, EntryKey } from '../files/entry.js';
import type { CheckReport, LeftOut, Named, NotKept, OwnersReport, Share, SSTablesReport } from './parts.js';

export type VerificationState = 'NOT_STARTED' | 'IN_PROGRESS' | 'COMPLETED' | 'FAILED' | 'CANCELLED';

/** The Sidecar's counters of a verification that has compared nothing, in the order of its document. */
export const NOTHING_COUNTED = {
  filesNotFoundAtSource: 0,
  filesNotFoundAtDestination: 0,
  metadataMatched: 0,
  metadataMismatches: 0,
  digestMismatches: 0,
  digestVerificationFailures: 0,
  filesMatched: 0,
};

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
  /**
   * Something wrote to the source meanwhile, or --live was given. With this or one of the next two, a verification is not enough to complete
   * a migration.
   */
  live?: true;
  /** No final pass had succeeded before it. */
  beforeFinalPass?: true;
  /** Its exclusions are not those of the last copy. */
  otherExclusions?: true;
  /**
   * Of --live: entries that differ in anything but their contents, or that changed or vanished while they were read, and the size of those
   * that the source has. The next copy sees to them.
   */
  notYetCopied?: Share;
  /** Absent where every file was read at both ends. */
  by?: 'incremental' | 'offline';
  /** Of an incremental or offline verification. */
  proofs?: ProofsReport;
  /** How often each reason was found; an entry may have more than one. */
  reasons?: Partial<Record<DifferenceReason, number>>;
  /** As in CopyReport. */
  without?: DirType[];
  leftOut?: LeftOut;
  /** Only if there is any. */
  notKept?: NotKept;
  /** As in CopyReport. */
  owners?: OwnersReport;
  /** Of a verification with --sstables. */
  sstables?: SSTablesReport;
  /** Of a verification with --post-check that has found both sides equal. */
  postCheck?: CheckReport;
  /** Of a verification with --repair; the other counters are those after it. */
  repairs?: RepairsReport;
}

/** What --repair has done. `repaired`: files that were wrong and were found equal again, with their sizes. */
export interface RepairsReport {
  repaired: Share;
  bytesReceived: number;
  /** Files that are wrong as they were. */
  notRepaired: number;
  /** Of these, files that one run has no room for; absent is none. */
  leftOut?: number;
  /** Of these, files of which nothing is to be taken from the source: it reads them differently each time, or its SSTable is damaged. */
  wrongAtSource: number;
  /** Files that stay parts, and so are missing under their own names, until the next repair or copy goes on with them. */
  unfinished: number;
  /** The counters as they were before it. */
  before: Pick<VerifyReport, 'filesNotFoundAtDestination' | 'digestMismatches' | 'digestVerificationFailures'>;
  /** The first ten. */
  first: Repair[];
}

/** A file that --repair has dealt with. */
export interface Repair {
  key: EntryKey;
  /** Its size. */
  bytes: number;
  /** `unfinished`: an earlier repair was interrupted, and had left it as a part. */
  was: 'digest' | 'unreadable-at-destination' | 'unfinished';
  /** As in Difference: the blocks that were wrong. */
  blocksAt?: number[];
  /** `repaired`: verified again, and equal. */
  now: 'repaired' | 'not-repaired' | 'unfinished';
  bytesReceived: number;
  /** Why it is not repaired. */
  why?: string;
}

/** What a verification took from earlier reads, and what it read itself. */
export interface ProofsReport {
  /** Files of which nothing was read now: what each end holds was proved by an earlier read, and has not changed since. */
  earlier: Share;
  /** When the oldest proof was made of all that were used, in epoch milliseconds; absent when none was. */
  oldestMs?: number;
  /** What was read now, at either end; how many files of those here past the page cache, so that the disk itself was read. */
  readHere: Share & { direct: number };
  readAtSource: Share;
  /** Files whose proof did not hold any more, though neither their size nor their time differs between the two ends. */
  lost: LostProofs;
  /**
   * Files among the earlier ones that have lost a hard link at the source since they were read there, as when a snapshot is cleared, and
   * nothing else: with the service stopped they are not read again. Absent is none.
   */
  unlinked?: Share;
  /** Of an offline verification: files here for which nothing is kept. */
  notInLedger?: Named;
  /** With `offline`: what is wrong with the ledger, so that it does not tell which files should be here. */
  ledgerFault?: string;
}

export const nothingRead = (): ProofsReport => ({
  earlier: { entries: 0, bytes: 0 },
  readHere: { entries: 0, bytes: 0, direct: 0 },
  readAtSource: { entries: 0, bytes: 0 },
  lost: { entries: 0, bytes: 0, byCtime: { here: 0, atSource: 0 } },
});

/** `byCtime`: of those, the files of which nothing but the inode has changed, as by a snapshot, ln, rm or chmod. */
export interface LostProofs extends Share {
  byCtime: { here: number; atSource: number };
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
  | 'changed-while-reading'
  | SSTableReason;

/** What --sstables finds wrong, and whose it is. */
export type SSTableReason =
  | 'sstable-damaged-at-source'
  | 'sstable-incomplete-at-source'
  | 'sstable-damaged'
  | 'sstable-incomplete';

export interface Difference {
  key: EntryKey;
  reason: DifferenceReason;
  source?: string;
  destination?: string;
  /** Byte offsets of the first blocks, of a MiB each, that differ; where the hashes of blocks were compared. */
  blocksAt?: number[];
  /** Nothing has changed the file here by its times since it was proved or published: the disk or memory has altered it. */
  unchangedTimes?: true;
}
