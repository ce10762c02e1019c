// Converts an entry to a tuple and back: the form in spools and in the records that are copies of them. It checks nothing.

import { type Entry, kindOf, NO_INODE } from '../files/entry.js';

/** Unknown members are null, or `NO_INODE`. */
export type Row = [
  name: string,
  size: string,
  mtimeNs: string,
  mode: number,
  ino: string,
  uid: number | null,
  gid: number | null,
  target?: string | null,
  /** Where the listing has it. */
  ctimeNs?: string | null,
  /** Likewise; null or left out where it is 1. */
  links?: number | null,
  /** Of a file with holes. */
  allocated?: number,
];

export function toRow({
  name,
  size,
  mtimeNs,
  mode,
  ino = NO_INODE,
  owner,
  target,
  ctimeNs,
  links,
  allocated,
}: Entry): Row {
  const [uid, gid] = owner ? [owner.uid, owner.gid] : [null, null];
  if (allocated !== undefined)
    return [name, size, mtimeNs, mode, ino, uid, gid, target ?? null, ctimeNs ?? null, links ?? null, allocated];
  if (ctimeNs !== undefined) {
    const row = [name, size, mtimeNs, mode, ino, uid, gid, target ?? null, ctimeNs] as const;
    return links !== undefined && links > 1 ? [...row, links] : [...row];
  }
  return target === undefined
    ? [name, size, mtimeNs, mode, ino, uid, gid]
    : [name, size, mtimeNs, mode, ino, uid, gid, target];
}

/** For rows that `toRow` made. */
export const fromRow = ([name, size, mtimeNs, mode, ino, uid, gid, target, ctimeNs, links, allocated]: Row): Entry => ({
  name,
  kind: kindOf(mode),
  size,
  mtimeNs,
  mode,
  ino: ino === NO_INODE ? undefined : ino,
  owner: uid === null || gid === null ? undefined : { uid, gid },
  target: target ?? undefined,
  ctimeNs: ctimeNs ?? undefined,
  links: links ?? undefined,
  allocated,
});
