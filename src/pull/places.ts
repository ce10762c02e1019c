// The directory an entry lies in, open for one deed, and what the system answers as an obstacle or an error. Changes nothing itself but
// the mode of a directory that is closed to its owner.

import { chmodSync, closeSync, constants, fstatSync, lstatSync, openSync, type Stats } from 'node:fs';
import { errnoOf, localError } from '../errors.js';
import { DirCache, type DirHandle, HAS_PROC_FD } from '../files/dirfd.js';
import { type EntryKey, kindOf, parentOf } from '../files/entry.js';
import { pathOf, type Roots } from '../files/roots.js';

/** Why an entry could not be put in its place although the disk is well; the entry then counts as failed. */
export type Obstacle = string;

/** Something that had to stay occupies the name. */
const OCCUPIED = new Set(['EISDIR', 'ENOTEMPTY', 'EEXIST', 'ENOTDIR', 'ELOOP']);

export const isOccupied = (error: unknown): boolean => OCCUPIED.has(errnoOf(error) ?? '');

export const occupied = (): Error => Object.assign(new Error('of another kind'), { code: 'ENOTDIR' });

export class Places {
  readonly #roots: Roots;
  readonly #dirs: DirCache;

  constructor(roots: Roots) {
    this.#roots = roots;
    this.#dirs = new DirCache(roots);
  }

  path(key: EntryKey): string {
    return pathOf(this.#roots, key);
  }

  /** Throws the system's error. */
  open(dir: EntryKey): DirHandle {
    return this.#dirs.open(dir);
  }

  /** Before a directory is removed or replaced. */
  forget(dir: EntryKey): void {
    this.#dirs.forget(dir);
  }

  close(): void {
    this.#dirs.close();
  }

  do(dir: EntryKey, doing: string, key: EntryKey, deed: (handle: DirHandle) => void): Obstacle | undefined {
    return this.in(dir, doing, key, (handle): undefined => deed(handle) as undefined);
  }

  /** Runs `deed` in an open directory; one that is closed to its owner is opened for as long as the pass lasts. Throws `local`. */
  in<T>(dir: EntryKey, doing: string, key: EntryKey, deed: (handle: DirHandle) => T): T | Obstacle {
    try {
      try {
        return deed(this.#dirs.open(dir));
      } catch (error) {
        if (errnoOf(error) !== 'EACCES') throw error;
        this.#openForOwner(dir);
        return deed(this.#dirs.open(dir));
      }
    } catch (error) {
      if (isOccupied(error)) return 'something that has to stay stands in its place';
      throw localError(doing, this.path(key), error);
    }
  }

  #openForOwner(dir: EntryKey): void {
    const name = dir.slice(dir.lastIndexOf('/') + 1);
    const isRoot = this.#roots.some((root) => root.key === dir);
    const at = isRoot ? this.path(dir) : this.#dirs.open(parentOf(dir)).at(name);
    pinned(at, (path, stat) => {
      if (kindOf(stat.mode) !== 'directory') throw occupied();
      chmodSync(path, (stat.mode & 0o7777) | 0o700);
    });
  }
}

/** Linux's open(2): names an inode without opening it, which takes no permission of it. Node has no name for it. */
const O_PATH = 0o10000000;

/** `deed` gets a path to what was looked at, though something else may have taken its name by then: a link to anywhere. */
export function pinned(at: string, deed: (path: string, stat: Stats) => void): void {
  if (!HAS_PROC_FD) return deed(at, lstatSync(at));
  const fd = openSync(at, O_PATH | constants.O_NOFOLLOW);
  try {
    deed(`/proc/self/fd/${fd}`, fstatSync(fd));
  } finally {
    closeSync(fd);
  }
}
