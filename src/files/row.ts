// An entry as a tuple: the form that it has in spools, in the records that are copies of them, and between threads. Checks nothing.

import { type Entry, kindOf, NO_INODE } from './entry.js';

/** What is not known of an entry is null, or `NO_INODE`. */
export type Row = [
  name: string,
  size: string,
  mtimeNs: string,
  mode: number,
  ino: string,
  uid: number | null,
  gid: number | null,
  target?: string | null,
  /** Where the listing tells it. */
  ctimeNs?: string,
];

export function toRow({ name, size, mtimeNs, mode, ino = NO_INODE, owner, target, ctimeNs }: Entry): Row {
  const [uid, gid] = owner ? [owner.uid, owner.gid] : [null, null];
  if (ctimeNs !== undefined) return [name, size, mtimeNs, mode, ino, uid, gid, target ?? null, ctimeNs];
  return target === undefined
    ? [name, size, mtimeNs, mode, ino, uid, gid]
    : [name, size, mtimeNs, mode, ino, uid, gid, target];
}

/** Of a row of our own making. */
export const fromRow = ([name, size, mtimeNs, mode, ino, uid, gid, target, ctimeNs]: Row): Entry => ({
  name,
  kind: kindOf(mode),
  size,
  mtimeNs,
  mode,
  ino: ino === NO_INODE ? undefined : ino,
  owner: uid === null || gid === null ? undefined : { uid, gid },
  target: target ?? undefined,
  ctimeNs,
  links: undefined,
});
