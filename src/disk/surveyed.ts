// Checks that a name still leads to the entry that was listed, before it is removed or gets attributes. The attributes are set on the
// inode that was checked, whatever has the name by then.

import { type BigIntStats, chownSync, lchownSync, lstatSync, type Stats, statSync } from 'node:fs';
import { errnoOf } from '../errors.js';
import { HAS_PROC_FD, pinned } from '../files/dirfd.js';
import { type Entry, isSameOwner, kindOf, type Owner } from '../files/entry.js';
import { setLinkTime, setTime } from '../files/set-time.js';
import { sameTime } from '../files/times.js';
import { CHANGED, type Conflict } from './directories.js';

/** Runs `operation` on the entry `at` a path if it is still `local`; `wanted` has its new attributes. See `pinned` for the path that it gets. */
export function ifUnchanged(
  at: string,
  local: Entry,
  wanted: Entry,
  operation: (path: string, stat: Stats, exact: () => BigIntStats) => Conflict | undefined,
): Conflict | undefined {
  try {
    return pinned(at, (path, stat, exact) =>
      isUnchanged(exact(), local, wanted) ? operation(path, stat, exact) : CHANGED,
    );
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return CHANGED;
    throw error;
  }
}

/** For entries that are removed by name: something can still take the name between this check and the removal. Throws the system's error. */
export const isReplaced = (at: string, local: Entry): boolean =>
  !isUnchanged(lstatSync(at, { bigint: true }), local, local);

/**
 * Whether it is the entry that the survey saw. The time of a directory may have changed, and a file with a second name may have got its
 * attributes under that. A user who replaces an entry can get its inode number and its time, but not its owner; and its owner could write
 * to the entry itself. So comparing ctimes would not find more. The text of a link was read by name after its attributes, and may be that of
 * another link: its length has to be the size of this one, where the file system keeps that.
 */
function isUnchanged(stat: BigIntStats, local: Entry, wanted: Entry): boolean {
  const { kind, size, mtimeNs, ino, target } = local;
  if (ino === undefined) return true; // a directory that this pass has made
  if (`${stat.ino}` !== ino || kindOf(Number(stat.mode)) !== kind) return false;
  const owner = { uid: Number(stat.uid), gid: Number(stat.gid) };
  if (!isSameOwner(local.owner, owner) && !isSameOwner(wanted.owner, owner)) return false;
  if (kind === 'directory') return true;
  if (kind === 'file' && `${stat.size}` !== size) return false;
  if (target !== undefined && stat.size > 0n && Number(stat.size) !== Buffer.byteLength(target)) return false;
  return `${stat.mtimeNs}` === mtimeNs || sameTime(`${stat.mtimeNs}`, wanted.mtimeNs, 'us');
}

/** For a path from `pinned`, which leads to the link itself; without /proc it is a plain path. */
export const chownLink = (at: string, { uid, gid }: Owner): void =>
  (HAS_PROC_FD ? chownSync : lchownSync)(at, uid, gid);
export const statLink = (at: string): Stats => (HAS_PROC_FD ? statSync : lstatSync)(at);
export const setTimeOfLink = (at: string, ns: string): void => (HAS_PROC_FD ? setTime : setLinkTime)(at, ns);
