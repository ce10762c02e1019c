// The nouns every layer shares: keys, entries, blocks, listings, and the order they come in. Touches no disk and no network.

import type { DirectoryMarks, ToldMarks } from './directory-marks.js';
import { isTxnLogName } from './txn-log.js';

/** Directory types, in the Sidecar's order (LiveMigrationDirType). */
export const DIR_TYPES = ['hints', 'commitlog', 'saved_caches', 'cdc_raw', 'local_system_data', 'data'] as const;
export type DirType = (typeof DIR_TYPES)[number];

/** Types whose files a service writes to for a while and then closes for good: until then, what is copied of them is worth nothing. */
export const HOT_TYPES: readonly DirType[] = ['commitlog', 'cdc_raw', 'hints'];

/** `data/0/ks/t/x.db`: type, index and path below the root; the tail of the Sidecar's `fileUrl`. Always valid UTF-8. */
export type EntryKey = string;

/** The first two components of a key: `data/0`. */
export type RootKey = string;

/** Whose a file is, by numbers. */
export interface Owner {
  uid: number;
  gid: number;
}

export const isSameOwner = (a: Owner | undefined, b: Owner | undefined): boolean =>
  a === b || (a?.uid === b?.uid && a?.gid === b?.gid);

/** An inode where one has to be written and none is known: no file has this number. */
export const NO_INODE = '0';

/**
 * One directory entry, as a walk or a listing has it. `size`, `mtimeNs`, `ino` and `ctimeNs` are decimal strings, because numbers are
 * exact up to 2^53 only. A Sidecar tells neither permissions nor owner nor inode: `mode` then holds the type bits alone. Whoever makes
 * one names every field, in this order: so all have one shape, which is what a million of them are quick by.
 */
export interface Entry {
  name: string;
  kind: Kind;
  /** Bytes; '0' of whatever is no regular file. */
  size: string;
  /** Since the epoch; may be negative. */
  mtimeNs: string;
  /** The whole st_mode, type bits included. */
  mode: number;
  ino: string | undefined;
  owner: Owner | undefined;
  /** A symbolic link's text; undefined of anything else. */
  target: string | undefined;
  /** When its inode last changed, since the epoch, and how many names it has: told by listings that were asked for them. */
  ctimeNs: string | undefined;
  links: number | undefined;
}

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

/** What a block amounts to, for whoever need not look at its entries. */
export interface BlockSum extends Omit<Block, 'entries'> {
  /** How many. */
  entries: number;
  /** Of its regular files. */
  bytes: number;
  directories: Entry[];
  /** The first and the last name; undefined when there is none. */
  first: string | undefined;
  last: string | undefined;
  /** Files, directories and links under names of their own: nothing that needs a second look. */
  isOrdinary: boolean;
  /** A file that states to hold nothing. */
  hasEmpty: boolean;
  /** See `isSetuid`. */
  hasSetuid: boolean;
  /** Names of Cassandra's transaction logs, if there are any. */
  txnLogs?: string[];
}

export function sumOf({ entries, ...block }: Block): BlockSum {
  const directories: Entry[] = [];
  let bytes = 0;
  let isOrdinary = true;
  let hasEmpty = false;
  let hasSetuid = false;
  const txnLogs: string[] = [];
  for (const entry of entries) {
    const { name, kind, size } = entry;
    if (kind === 'file') {
      bytes += Number(size);
      if (size === '0') hasEmpty = true;
      if (isSetuid(entry)) hasSetuid = true;
      if (isTxnLogName(name)) txnLogs.push(name);
    } else if (kind === 'directory') directories.push(entry);
    if (kind === 'other' || isPartName(name)) isOrdinary = false;
  }
  return {
    ...block,
    entries: entries.length,
    bytes,
    directories,
    first: entries[0]?.name,
    last: entries.at(-1)?.name,
    isOrdinary,
    hasEmpty,
    hasSetuid,
    ...(txnLogs.length > 0 && { txnLogs }),
  };
}

/** A block that a walk on this host has found, and its line, byte for byte as another host with the same entries writes it. */
export interface WalkedBlock {
  sum: BlockSum;
  line: Uint8Array;
  block(): Block;
}

/** A block of a listing, taken apart and checked when somebody asks; each must be asked for, or taken as the same, in turn. */
export interface ListedBlock {
  /** Undefined for what takes no part in the migration. */
  block(): Block | undefined;
  /**
   * Takes the block, which then must not be asked for any more, if its entries are those of `walked` in all that a copy keeps: names,
   * kinds, sizes, modes, link texts, times to the microsecond, and `owners` if wanted. Whether it did. May say no to what is the same.
   */
  takeIfSame?(walked: WalkedBlock, owners: boolean): boolean;
}

/** The head of a listing: whose it is, and what was asked of it. */
export interface ListingHeader {
  protocol: number;
  /** What this listing holds beside what its protocol version has: those of `FEATURES` that were asked for, none of an older agent. */
  features: readonly string[];
  /** Random, kept in the agent's state directory; '' for a Sidecar, which has none. */
  agentId: string;
  /** Hash of the machine id; '' for a Sidecar. */
  machine: string;
  roots: ListedRoot[];
  exclusions: Exclusions;
  /** The part asked for, if it was one. */
  only?: EntryKey | undefined;
}

/** An older agent tells the inode alone of its marks. */
export interface ListedRoot extends ToldMarks {
  key: RootKey;
  path: string;
  mode: number;
  uid: number | null;
  gid: number | null;
}

/** Patterns of Java's PathMatcher (`glob:` or `regex:`), placeholders unexpanded. Names as in sidecar.yaml, camel-cased. */
export interface Exclusions {
  filesToExclude: string[];
  dirsToExclude: string[];
  /** Shell globs on keys, of files and directories alike; absent where there are none. */
  exclude?: string[] | undefined;
}

/** The proof that a listing is whole. Without it, or with errors in it, nothing may be removed. */
export interface ListingEnd {
  /** Entries sent, of every kind. */
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
  /** Device of every mount point met below the roots and of the roots themselves: for people, since a boot may change it. */
  devices: Record<EntryKey, string>;
  /** By what those below the roots are known again. Absent in older listings. */
  mounts?: Record<EntryKey, Pick<DirectoryMarks, 'ino' | 'birthNs'>> | undefined;
  touched: Touched;
  /** Names of regular files that have several: no copy keeps them one. Absent where there is none, and in older listings. */
  hardLinks?: { entries: number; first: EntryKey[] } | undefined;
  /** Regular files that take up less than their size, by holes or by compression, and by how much: a copy fills them. As above. */
  holes?: { entries: number; bytes: number; first: EntryKey[] } | undefined;
}

/**
 * Files whose mtime or ctime was younger than YOUNG_MS when they were listed: what is written to them next may not show in
 * their size and time. A Sidecar does not tell.
 */
export interface Touched {
  files: number;
  /** How long before the end of the walk the last of them was. */
  agoMs: number;
  /** Up to 10. */
  first: EntryKey[];
  /** Those whose mtime it was, up to 10,000: their contents have changed, not only their name, mode or owner. */
  written: EntryKey[];
}

/** Of what is counted, so many are named. */
export const FIRST_FEW = 10;

/** What a lister counts up from. */
export const endOfNothing = (): ListingEnd => ({
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
  /** Whether a file that it lists can be asked for; every one where this is missing. */
  serves?(key: EntryKey): boolean;
  /** The proof; throws until `blocks` has been read to its end. */
  end(): ListingEnd;
}

export type Kind = 'file' | 'directory' | 'link' | 'other';

const S_IFMT = 0o170000;
export const S_IFREG = 0o100000;
export const S_IFDIR = 0o040000;
export const S_IFLNK = 0o120000;

export function kindOf(mode: number): Kind {
  switch (mode & S_IFMT) {
    case S_IFREG:
      return 'file';
    case S_IFDIR:
      return 'directory';
    case S_IFLNK:
      return 'link';
    default:
      return 'other';
  }
}

/** A directory that its owner may not list, or whose entries he may not reach. */
export const isClosed = ({ kind, mode }: Entry): boolean => kind === 'directory' && (mode & 0o500) !== 0o500;

/** Set-user-id and set-group-id. */
export const SETUID_BITS = 0o6000;

/** A program that runs as its owner or group. Of a file that nobody may execute, set-group-id means locking; see chmod(2), fcntl(2). */
export const isSetuid = ({ kind, mode }: Entry): boolean =>
  (mode & SETUID_BITS) !== 0 && (mode & 0o111) !== 0 && kind === 'file';

/** Unfinished bytes stand beside their target under such a name; nothing else may bear one. */
const PART_NAME = /^\.lm-[0-9a-f]{16}\.lm-part$/;
export const isPartName = (name: string): boolean => PART_NAME.test(name);

/**
 * The order of listings: component by component, by the bytes of UTF-8. `a` < `a/b` < `a!`.
 * JavaScript compares UTF-16 units, which puts U+10000 and above before U+E000; code points keep the order of the bytes.
 */
export function compareKeys(a: string, b: string): number {
  if (a === b) return 0;
  const shorter = Math.min(a.length, b.length);
  for (let i = 0; i < shorter; i++) {
    const x = a.charCodeAt(i);
    const y = b.charCodeAt(i);
    if (x !== y) return rank(x) - rank(y);
  }
  return a.length - b.length;
}

const SLASH = 0x2f;

function rank(unit: number): number {
  if (unit === SLASH) return -1;
  if (unit < 0xd800) return unit;
  return unit < 0xe000 ? unit + 0x2000 : unit - 0x800;
}

/** Whether `key` is `ancestor` or lies below it. */
export const isWithin = (key: EntryKey, ancestor: EntryKey): boolean =>
  key === ancestor || (key.startsWith(ancestor) && key.charCodeAt(ancestor.length) === SLASH);

export const joinKey = (dir: EntryKey, name: string): EntryKey => `${dir}/${name}`;

/** The key of the directory that holds `key`. */
export const parentOf = (key: EntryKey): EntryKey => key.slice(0, key.lastIndexOf('/'));

/** `data/0` of `data/0/ks/t`. */
export const rootOf = (key: EntryKey): RootKey => {
  const second = key.indexOf('/', key.indexOf('/') + 1);
  return second < 0 ? key : key.slice(0, second);
};
