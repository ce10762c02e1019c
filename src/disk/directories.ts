// Runs an operation in the open directory of an entry, and turns system errors into a conflict or an LmError. It changes nothing itself but
// the mode of an inaccessible directory.

import { errnoOf, localError } from '../errors.js';
import { DirCache, type DirHandle, MAY_CHANGE, MAY_READ, openToOwner } from '../files/dirfd.js';
import type { EntryKey } from '../files/entry.js';
import { pathOf, type Roots } from '../files/roots.js';

/** Why an entry could not be written although the disk works; the entry then counts as failed. */
export type Conflict = string;

/** Not a failure: somebody else changed the entry, and the next pass compares it again. */
export const CHANGED: Conflict = 'something else stands here than was listed, and was left as it is';

/** Errors that say: something that must stay has the name. */
const OCCUPIED = new Set(['EISDIR', 'ENOTEMPTY', 'EEXIST', 'ENOTDIR', 'ELOOP']);

export const isOccupied = (error: unknown): boolean => OCCUPIED.has(errnoOf(error) ?? '');

export const occupied = (): Error => Object.assign(new Error('of another kind'), { code: 'ENOTDIR' });

export class Directories {
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

  do(dir: EntryKey, doing: string, key: EntryKey, operation: (handle: DirHandle) => void): Conflict | undefined {
    return this.in(dir, doing, key, (handle): undefined => operation(handle) as undefined);
  }

  /**
   * Runs `operation` in an open directory; an inaccessible one gets another mode until the pass ends. `doing` and `key` are for the message of
   * the `local` that is thrown. `gone` is called, if given, when the directory or the entry does not exist any more.
   */
  in<T>(
    dir: EntryKey,
    doing: string,
    key: EntryKey,
    operation: (handle: DirHandle) => T,
    gone?: () => T,
  ): T | Conflict {
    try {
      return this.#inOpened(dir, operation, [MAY_READ, MAY_CHANGE]);
    } catch (error) {
      if (gone && errnoOf(error) === 'ENOENT') return gone();
      if (isOccupied(error)) return 'something that has to stay stands in its place';
      throw localError(doing, this.path(key), error);
    }
  }

  /**
   * Adds no more to the mode than is needed: only directories into which entries are put get their own mode again at the end.
   */
  #inOpened<T>(dir: EntryKey, operation: (handle: DirHandle) => T, [may, ...more]: number[]): T {
    try {
      return operation(this.#dirs.open(dir));
    } catch (error) {
      if (errnoOf(error) !== 'EACCES' || may === undefined) throw error;
      openToOwner(this.#dirs, this.#roots, dir, may);
      return this.#inOpened(dir, operation, more);
    }
  }
}
