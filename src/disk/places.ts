// The directory an entry lies in, open for one deed, and what the system answers as an obstacle or an error. Changes nothing itself but
// the mode of a directory that is closed to its owner.

import { errnoOf, localError } from '../errors.js';
import { DirCache, type DirHandle, MAY_CHANGE, MAY_LOOK, openToOwner } from '../files/dirfd.js';
import type { EntryKey } from '../files/entry.js';
import { pathOf, type Roots } from '../files/roots.js';

/** Why an entry could not be put in its place although the disk is well; the entry then counts as failed. */
export type Obstacle = string;

/** Not a failure: the entry is left to whoever was at work there, and to the next pass. */
export const CHANGED: Obstacle = 'something else stands here than was listed, and was left as it is';

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

  /**
   * Runs `deed` in an open directory; one that is closed to its owner is opened for as long as the pass lasts. Throws `local`; where the
   * directory, or what it is about, is not there any more, calls `gone` if there is one.
   */
  in<T>(dir: EntryKey, doing: string, key: EntryKey, deed: (handle: DirHandle) => T, gone?: () => T): T | Obstacle {
    try {
      return this.#inOpened(dir, deed, [MAY_LOOK, MAY_CHANGE]);
    } catch (error) {
      if (gone && errnoOf(error) === 'ENOENT') return gone();
      if (isOccupied(error)) return 'something that has to stay stands in its place';
      throw localError(doing, this.path(key), error);
    }
  }

  /** No more than is needed: what is set in a directory that nothing is put into does not bring back that directory's mode. */
  #inOpened<T>(dir: EntryKey, deed: (handle: DirHandle) => T, [may, ...more]: number[]): T {
    try {
      return deed(this.#dirs.open(dir));
    } catch (error) {
      if (errnoOf(error) !== 'EACCES' || may === undefined) throw error;
      openToOwner(this.#dirs, this.#roots, dir, may);
      return this.#inOpened(dir, deed, more);
    }
  }
}
