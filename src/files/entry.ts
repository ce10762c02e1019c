// The nouns every layer shares: keys, rows, blocks, listings, and the order they come in. Touches no disk and no network.

/** Directory types, in the Sidecar's order (LiveMigrationDirType). */
export const DIR_TYPES = ['hints', 'commitlog', 'saved_caches', 'cdc_raw', 'local_system_data', 'data'] as const;
export type DirType = (typeof DIR_TYPES)[number];

/** `data/0/ks/t/x.db`: type, index and path below the root; the tail of the Sidecar's `fileUrl`. Always valid UTF-8. */
export type EntryKey = string;

/** The first two components of a key: `data/0`. */
export type RootKey = string;

/**
 * One directory entry, in the form it has on the wire, between threads and in the spool alike.
 * `size` (bytes), `mtimeNs` (since the epoch, may be negative) and `ino` are decimal strings, because JSON numbers end at 2^53.
 * `mode` is the whole st_mode, type bits included. A Sidecar tells neither mode nor owner nor inode:
 * then `mode` holds the type bits alone, `uid` and `gid` are null and `ino` is '0'.
 * `target` is a symbolic link's text. A directory's size is '0'.
 */
export type Row = [
  name: string,
  size: string,
  mtimeNs: string,
  mode: number,
  ino: string,
  uid: number | null,
  gid: number | null,
  target?: string,
];

/**
 * Up to 1,000 rows of one directory, ascending by name. The blocks of a directory follow one another; directories come in
 * depth-first order, each before what it holds, and every directory row is followed later by at least one block of its own.
 */
export interface Block {
  dir: EntryKey;
  rows: Row[];
  /** How many entries of this directory the walk left out because a pattern excludes them. */
  excluded?: number;
  /** The device number, when this directory is a mount point below its root. */
  device?: string;
}

/** What a block amounts to, for whoever need not look at its rows. */
export interface BlockSum extends Omit<Block, 'rows'> {
  entries: number;
  /** Of its regular files. */
  bytes: number;
  directories: Row[];
  /** The first and the last name; undefined when there is none. */
  first: string | undefined;
  last: string | undefined;
  /** Files, directories and links under names of their own: nothing that needs a second look. */
  isOrdinary: boolean;
}

export function sumOf({ rows, ...block }: Block): BlockSum {
  const directories: Row[] = [];
  let bytes = 0;
  let isOrdinary = true;
  for (const row of rows) {
    const kind = kindOf(row[3]);
    if (kind === 'file') bytes += Number(row[1]);
    else if (kind === 'directory') directories.push(row);
    if (kind === 'other' || isPartName(row[0])) isOrdinary = false;
  }
  return {
    ...block,
    entries: rows.length,
    bytes,
    directories,
    first: rows[0]?.[0],
    last: rows.at(-1)?.[0],
    isOrdinary,
  };
}

/** A block that a walk on this host has found, and its line, byte for byte as another host with the same entries writes it. */
export interface WalkedBlock {
  sum: BlockSum;
  line: Uint8Array;
  block(): Block;
}

/** A block of a listing, taken apart and checked when somebody asks; each must be asked for, or found the same, in turn. */
export interface ListedBlock {
  /** Undefined for what takes no part in the migration. */
  block(): Block | undefined;
  /**
   * Whether its entries are those of `walked` in all that a copy keeps: names, kinds, sizes, modes, link texts, times to the
   * microsecond, and `owners` if wanted. May say no to what is the same.
   */
  isSameAs?(walked: WalkedBlock, owners: boolean): boolean;
}

/** The head of a listing: whose it is, and what was asked of it. */
export interface ListingHeader {
  protocol: number;
  /** Random, kept in the agent's state directory; '' for a Sidecar, which has none. */
  agentId: string;
  /** Hash of the machine id; '' for a Sidecar. */
  machine: string;
  roots: ListedRoot[];
  exclusions: Exclusions;
  /** The part asked for, if it was one. */
  only?: EntryKey | undefined;
}

export interface ListedRoot {
  key: RootKey;
  path: string;
  ino: string;
  mode: number;
  uid: number | null;
  gid: number | null;
}

/** Patterns of Java's PathMatcher (`glob:` or `regex:`), placeholders unexpanded. Names as in sidecar.yaml, camel-cased. */
export interface Exclusions {
  filesToExclude: string[];
  dirsToExclude: string[];
}

/** The proof that a listing is whole. Without it, or with errors in it, nothing may be removed. */
export interface ListingEnd {
  /** Rows sent, of every kind. */
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
  /** Device of every mount point met below the roots and of the roots themselves. */
  devices: Record<EntryKey, string>;
  touched: Touched;
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
export const isClosed = ([, , , mode]: Row): boolean => kindOf(mode) === 'directory' && (mode & 0o500) !== 0o500;

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
