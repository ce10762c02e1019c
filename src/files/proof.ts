// What proves a regular file: the hashes of its blocks, and the state of it at either end while they were taken. Pure.

import { type Entry, NO_CTIME, NO_INODE, S_IFREG } from './entry.js';

/** What tells one state of a file from another, as lstat shows it: decimal strings, as in `Entry`. */
export interface Validators {
  size: string;
  mtimeNs: string;
  ino: string;
  ctimeNs: string;
  /** Names of the inode, where a listing tells and there are several. */
  links?: number;
}

/** `received`: hashed while it was written, and never read again. Read back from the disk past the page cache (`direct`), or perhaps from it. */
export type Proved = 'received' | 'direct' | 'cached';

/** One proof: the source's file held these blocks; and, unless it was only received, so did the file here when it was read. */
export interface Proof {
  /** XXH64 of each MiB, 8 bytes each in the order of the wire; none for an empty file. */
  blocks: Uint8Array;
  /** The source's file when it was read. */
  source: Validators;
  /** The file here: as it was published, after its rename, owner and times, or as it was read. */
  local: Validators;
  proved: Proved;
  /** Epoch milliseconds, by the clock of this host. */
  atMs: number;
}

/**
 * `unchanged`: the proof still holds. `ctime`: the contents are probably the same, but the inode has changed: by a hard link (every snapshot
 * makes one), a chmod, a rename, or a write whose time was set back. `changed`: it is another file, or another state of it.
 */
export type Standing = 'unchanged' | 'ctime' | 'changed';

const SECOND_DIGITS = '000000000';

/**
 * A ctime of a whole second is taken for one of a file system that keeps no finer times, where a later write may leave it the same. An agent
 * sends `0` for a file whose times another machine sets.
 */
const provesByTime = ({ ctimeNs }: Pick<Validators, 'ctimeNs'>): boolean =>
  ctimeNs !== NO_CTIME && !ctimeNs.endsWith(SECOND_DIGITS);

/** Undefined where a listing has no inode or no ctime. */
export function validatorsOf({ size, mtimeNs, ino, ctimeNs, links = 1 }: Entry): Validators | undefined {
  if (ino === undefined || ctimeNs === undefined) return undefined;
  return links > 1 ? { size, mtimeNs, ino, ctimeNs, links } : { size, mtimeNs, ino, ctimeNs };
}

/** The entry of a file of which no more is known: neither its permissions nor its owner. */
export const entryIn = (name: string, { size, mtimeNs, ino, ctimeNs, links }: Validators): Entry => ({
  ...{ name, kind: 'file', size, mtimeNs, mode: S_IFREG, ino, owner: undefined, target: undefined },
  ...{ ctimeNs, links, allocated: undefined },
});

/** How a file stands, whose state `now` is listed, to the one that was proved; that may be one that nobody looked at, without an inode. */
export function standingOf(then: Validators, now: Validators): Standing {
  if (then.ino === NO_INODE && then.size === now.size) return 'ctime';
  if (then.size !== now.size || then.mtimeNs !== now.mtimeNs || then.ino !== now.ino) return 'changed';
  return then.ctimeNs === now.ctimeNs && provesByTime(now) ? 'unchanged' : 'ctime';
}

/** The same of a file as it is listed; one whose listing has too little is another. */
export function standingOfEntry(then: Validators, entry: Entry): Standing {
  const now = validatorsOf(entry);
  return now ? standingOf(then, now) : 'changed';
}

/**
 * Whether a file that stands by `ctime` has lost a name since: clearing a snapshot takes one from each of its files, which moves the ctime and
 * no byte. That a write whose time was set back came as well cannot be told.
 */
export const hasLostName = (then: Validators, now: Validators): boolean => (then.links ?? 1) > (now.links ?? 1);
