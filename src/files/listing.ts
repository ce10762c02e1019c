// Declares what a listing is in memory: its header, its blocks of entries, and the totals at its end.

import { LmError } from '../errors.js';
import type { DirectoryMarks, ReportedMarks } from './directory-marks.js';
import { type Entry, type EntryKey, isPartName, isSetuid, type RootKey } from './entry.js';
import { isTxnLogName } from './names/txn-log.js';

/**
 * Up to 1,000 entries of one directory, ascending by name. The blocks of a directory follow one another; directories come in
 * depth-first order, each before what it holds, and every directory entry is followed later by at least one block of its own.
 */
export interface Block {
  dir: EntryKey;
  entries: Entry[];
  /** How many entries of this directory the walk left out because a pattern excludes them. */
  excluded?: number;
  /** The device number, when this directory is a mount point below its root. */
  device?: string;
}

/** A summary of a block, for code that does not need its entries. */
export interface BlockSum extends Omit<Block, 'entries'> {
  /** Their number, and that of its regular files. */
  entries: number;
  files: number;
  /** Sum of the sizes of its regular files. */
  bytes: number;
  directories: Entry[];
  /** The first and the last name; undefined when there is none. */
  first: string | undefined;
  last: string | undefined;
  /** Whether it holds only files, directories and links, none of them a part. */
  isOrdinary: boolean;
  /** Whether a file of it has size 0. */
  hasEmpty: boolean;
  /** See `isSetuid`. */
  hasSetuid: boolean;
  /** Whether one of them is a symbolic link. */
  hasLink: boolean;
  /** Names of Cassandra's transaction logs, if there are any. */
  txnLogs?: string[];
}

export function sumOf({ entries, ...block }: Block): BlockSum {
  const directories: Entry[] = [];
  let files = 0;
  let bytes = 0;
  let isOrdinary = true;
  let hasEmpty = false;
  let hasSetuid = false;
  let hasLink = false;
  const txnLogs: string[] = [];
  for (const entry of entries) {
    const { name, kind, size } = entry;
    if (kind === 'file') {
      files++;
      bytes += Number(size);
      if (size === '0') hasEmpty = true;
      if (isSetuid(entry)) hasSetuid = true;
      if (isTxnLogName(name)) txnLogs.push(name);
    } else if (kind === 'directory') directories.push(entry);
    if (kind === 'link') hasLink = true;
    if (kind === 'other' || isPartName(name)) isOrdinary = false;
  }
  return {
    ...block,
    entries: entries.length,
    files,
    bytes,
    directories,
    first: entries[0]?.name,
    last: entries.at(-1)?.name,
    isOrdinary,
    hasEmpty,
    hasSetuid,
    hasLink,
    ...(txnLogs.length > 0 && { txnLogs }),
  };
}

/** A block that a walk of this host has found, and its line, byte for byte as another host with the same entries writes it. */
export interface WalkedBlock {
  sum: BlockSum;
  line: Uint8Array;
  block(): Block;
}

/** A block of a listing, parsed and checked on demand. Either `block` or a successful `takeIfSame` must be called for each, in order. */
export interface ListedBlock {
  /** Its line, byte for byte as the source sent it, until the next block is asked for; a Sidecar's listing has none. */
  readonly line?: Uint8Array | undefined;
  /** Undefined for a block that takes no part in the migration. */
  block(): Block | undefined;
  /**
   * Returns true, and accepts the block, if its entries are those of `walked` in all that a copy keeps: names, kinds, sizes, modes, link
   * texts, times to the microsecond, and with `owners` those too. `block` must not be called after that. May return false for equal blocks.
   */
  takeIfSame?(walked: WalkedBlock, owners: boolean): boolean;
}

/** The header of a listing: whose it is, and what was requested. */
export interface ListingHeader {
  protocol: number;
  /** What this listing holds beyond its protocol version: those of `FEATURES` that were requested; none from an older agent. */
  features: readonly string[];
  /** Random, kept in the agent's state directory; '' for a Sidecar, which has none. */
  agentId: string;
  /** Hash of the machine id; '' for a Sidecar. */
  machine: string;
  roots: ListedRoot[];
  exclusions: Exclusions;
  /** Set when the listing was limited to one key and what lies below it. */
  only?: EntryKey | undefined;
}

/** A root as the header has it. An older agent sends the inode alone of its marks. */
export interface ListedRoot extends ReportedMarks {
  key: RootKey;
  path: string;
  mode: number;
  uid: number | null;
  gid: number | null;
}

/** Patterns of Java's PathMatcher (`glob:` or `regex:`) with their placeholders. Names as in sidecar.yaml, camel-cased. */
export interface Exclusions {
  filesToExclude: string[];
  dirsToExclude: string[];
  /** Shell globs on keys, of files and directories alike; absent where there are none. */
  exclude?: string[] | undefined;
}

/** The end of a listing, by which a reader knows that it has all of it. Without it, or with errors in it, nothing may be removed. */
export interface ListingTotals {
  /** Entries of every kind in the listing. */
  entries: number;
  /** Sum of the sizes of regular files. */
  bytes: number;
  /** Directories or entries that could not be read; `firstErrors` names up to 10. */
  errors: number;
  firstErrors: { key: EntryKey; message: string }[];
  excluded: number;
  firstExcluded: EntryKey[];
  /** Names that are not UTF-8, escaped for people; a run must not start while there are any. */
  unnameable: string[];
  /** Devices of the roots and of the mount points below them: for people, since a reboot may change them. */
  devices: Record<EntryKey, string>;
  /** What identifies the mount points below the roots. Absent in older listings. */
  mounts?: Record<EntryKey, Pick<DirectoryMarks, 'ino' | 'birthNs'>> | undefined;
  touched: ChangedRecently;
  /** Names of regular files with several hard links: a copy makes each a file of its own. Absent where there is none, and in older listings. */
  hardLinks?: { entries: number; first: EntryKey[] } | undefined;
  /**
   * Regular files that take up less disk than their size, by holes or compression, and by how much: a copy fills them. Those whose entries
   * have `allocated` are not among them. Absent as above.
   */
  holes?: { entries: number; bytes: number; first: EntryKey[] } | undefined;
}

/**
 * Files whose mtime or ctime was younger than SETTLE_MS when they were listed: the next write may not show in their size and time. A
 * Sidecar does not report them.
 */
export interface ChangedRecently {
  files: number;
  /** How long before the end of the walk the last of them changed. */
  agoMs: number;
  /** Up to 10. */
  first: EntryKey[];
  /** Those with a recent mtime, up to 10,000: their contents have changed, not only their name, mode or owner. */
  written: EntryKey[];
}

/** How many of what is counted are named. */
export const FIRST_FEW = 10;

/** The totals before the first entry. */
export const noTotals = (): ListingTotals => ({
  entries: 0,
  bytes: 0,
  errors: 0,
  firstErrors: [],
  excluded: 0,
  firstExcluded: [],
  unnameable: [],
  devices: {},
  touched: { files: 0, agoMs: 0, first: [], written: [] },
});

export interface Listing {
  header: ListingHeader;
  blocks: AsyncIterable<ListedBlock>;
  /** Whether the source can send a listed file; it can send every file where this is missing. */
  serves?(key: EntryKey): boolean;
  /** Throws until `blocks` has been read to its end. */
  totals(): ListingTotals;
}

/** The error for a listing that no honest agent or Sidecar sends. `what` is wrong with it. */
export const invalidListing = (what: string): LmError =>
  new LmError('protocol', `the source sent a listing that cannot be right: ${what}`);
