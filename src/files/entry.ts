// The nouns that every layer shares: keys, entries and the order they come in. Touches no disk and no network.

/** Directory types, in the Sidecar's order (LiveMigrationDirType). */
export const DIR_TYPES = ['hints', 'commitlog', 'saved_caches', 'cdc_raw', 'local_system_data', 'data'] as const;
export type DirType = (typeof DIR_TYPES)[number];

/** Types whose files a service writes to for a while and then closes for good: a copy made before that is useless. */
export const HOT_TYPES: readonly DirType[] = ['commitlog', 'cdc_raw', 'hints'];

/** `data/0/ks/t/x.db`: type, index and path below the root; the tail of the Sidecar's `fileUrl`. Always valid UTF-8. */
export type EntryKey = string;

/** The first two components of a key: `data/0`. */
export type RootKey = string;

/** The owner of a file, by number. */
export interface Owner {
  uid: number;
  gid: number;
}

export const isSameOwner = (a: Owner | undefined, b: Owner | undefined): boolean =>
  a === b || (a?.uid === b?.uid && a?.gid === b?.gid);

/** Written where an inode number is unknown: no file has this number. */
export const NO_INODE = '0';

/**
 * Written for the ctime of a file whose times come from elsewhere: it proves nothing. Another host may change the file and this one see the old
 * ctime from its cache, and a clock that is not this host's may give a later change the same time.
 */
export const NO_CTIME = '0';

/**
 * One directory entry, as a walk or a listing has it. `size`, `mtimeNs`, `ino` and `ctimeNs` are decimal strings, because numbers are
 * exact up to 2^53 only. A Sidecar sends neither permissions nor owner nor inode: `mode` then holds the type bits alone. Code that makes an
 * entry names every field, in this order: V8 then gives all of them one shape, and handles a million of them quickly.
 */
export interface Entry {
  name: string;
  kind: Kind;
  /** Bytes; '0' for all but regular files. */
  size: string;
  /** Since the epoch; may be negative. */
  mtimeNs: string;
  /** st_mode, type bits included. */
  mode: number;
  ino: string | undefined;
  owner: Owner | undefined;
  /** The text of a symbolic link; undefined for anything else. */
  target: string | undefined;
  /** When its inode last changed, since the epoch, and how many hard links it has: only in listings for which they were requested. */
  ctimeNs: string | undefined;
  links: number | undefined;
  /** Bytes that a file with holes takes up on disk, on request; undefined for any other, and where holes cannot be found reliably. */
  allocated: number | undefined;
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

/** A directory that its owner may not list, or whose entries the owner may not reach. */
export const isInaccessible = ({ kind, mode }: Entry): boolean => kind === 'directory' && (mode & 0o500) !== 0o500;

/** Set-user-id and set-group-id. */
export const SETUID_BITS = 0o6000;

/** A program that runs as its owner or group. On a file that nobody may execute, set-group-id means locking; see chmod(2), fcntl(2). */
export const isSetuid = ({ kind, mode }: Entry): boolean =>
  (mode & SETUID_BITS) !== 0 && (mode & 0o111) !== 0 && kind === 'file';

/** The name of a part: unfinished bytes beside their target. Nothing else may have such a name. */
const PART_NAME = /^\.lm-[0-9a-f]{16}\.lm-part$/;
export const isPartName = (name: string): boolean => PART_NAME.test(name);

/**
 * The order of listings: component by component, by the bytes of UTF-8, so that `a` < `a/b` < `a!`. JavaScript compares UTF-16 units,
 * which puts U+10000 and above before U+E000; the order of code points is that of the bytes.
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
