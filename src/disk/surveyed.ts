// Whether what stands under a name is still the entry that was listed: asked before it is removed, and before it is given attributes, which
// happens without asking for the name again. Which attributes those are is the caller's to say.

import { type BigIntStats, chownSync, lchownSync, lstatSync, type Stats, statSync } from 'node:fs';
import { errnoOf } from '../errors.js';
import { HAS_PROC_FD, pinned } from '../files/dirfd.js';
import { type Entry, isSameOwner, kindOf, type Owner } from '../files/entry.js';
import { setLinkTime, setTime } from '../files/set-time.js';
import { sameTime } from '../files/times.js';
import { CHANGED, type Obstacle } from './places.js';

/** Runs `deed` on what stands `at` a path if that is `local`; `wanted` is what it is to be given. See `pinned` for the path it gets. */
export function ifStill(
  at: string,
  local: Entry,
  wanted: Entry,
  deed: (path: string, stat: Stats) => undefined,
): Obstacle | undefined {
  try {
    return pinned(at, (path, stat, exact) => (isStill(exact(), local, wanted) ? deed(path, stat) : CHANGED));
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return CHANGED;
    throw error;
  }
}

/** For what is removed by its name: a moment is left in which something can still take that name. Throws the system's error. */
export const isReplaced = (at: string, local: Entry): boolean =>
  !isStill(lstatSync(at, { bigint: true }), local, local);

/**
 * Whether it is the entry that the survey saw. Of a directory the time may have moved, and a file with a second name may have been mended
 * under it. Whoever removes an entry and makes another may get its inode and its time, but not its owner; and its owner, who can have all
 * of them, could write into the entry itself. So the time of its last change would tell no more. The text of a link was
 * read by its name after the rest of it, when another could have had that: its length has to be this one's, where a file system tells it.
 */
function isStill(stat: BigIntStats, local: Entry, wanted: Entry): boolean {
  const { kind, size, mtimeNs, ino, target } = local;
  if (ino === undefined) return true; // a directory of this pass
  if (`${stat.ino}` !== ino || kindOf(Number(stat.mode)) !== kind) return false;
  const owner = { uid: Number(stat.uid), gid: Number(stat.gid) };
  if (!isSameOwner(local.owner, owner) && !isSameOwner(wanted.owner, owner)) return false;
  if (kind === 'directory') return true;
  if (kind === 'file' && `${stat.size}` !== size) return false;
  if (target !== undefined && stat.size > 0n && Number(stat.size) !== Buffer.byteLength(target)) return false;
  return `${stat.mtimeNs}` === mtimeNs || sameTime(`${stat.mtimeNs}`, wanted.mtimeNs, 'us');
}

/** Of what `pinned` has opened, whose path leads to the link itself where there is such a path. */
export const chownLink = (at: string, { uid, gid }: Owner): void =>
  (HAS_PROC_FD ? chownSync : lchownSync)(at, uid, gid);
export const statLink = (at: string): Stats => (HAS_PROC_FD ? statSync : lstatSync)(at);
export const setTimeOfLink = (at: string, ns: string): void => (HAS_PROC_FD ? setTime : setLinkTime)(at, ns);
