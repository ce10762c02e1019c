// What is about to be removed or replaced, kept under its own key outside the roots. Copies no bytes and removes nothing.

import { chmodSync, chownSync, linkSync, lstatSync, mkdirSync, renameSync } from 'node:fs';
import { errnoOf, localError } from '../errors.js';
import { DirCache, type DirHandle } from '../files/dirfd.js';
import { type Entry, type EntryKey, joinKey, parentOf, rootOf } from '../files/entry.js';
import { pathOf, type Roots } from '../files/roots.js';
import { setTime } from '../files/set-time.js';

/** The backup of one pass, as one thread sees it. Directories are made when they are needed, for their owner alone. */
export class Backup {
  readonly into: string;
  readonly #roots: Roots;
  readonly #dirs: DirCache;

  /** `into` need not be there: nothing is in it yet, so that nothing can be overwritten. */
  constructor(roots: Roots, into: string) {
    this.into = into;
    this.#roots = roots.map((root) => ({ ...root, path: `${into}/${root.key}` }));
    this.#dirs = new DirCache(this.#roots);
  }

  close(): void {
    this.#dirs.close();
  }

  /** A file or link at `from`. False when it had been kept already. Throws the system's error. */
  keep(from: string, dir: EntryKey, name: string): boolean {
    return keepAs(from, this.#place(dir).at(name));
  }

  /** A directory whose contents have been kept, or that had none. */
  keepDirectory(dir: EntryKey, { name, mtimeNs, mode, owner }: Entry, owners: boolean): void {
    const key = joinKey(dir, name);
    const at = this.#place(dir).at(name);
    this.#place(key);
    this.#dirs.forget(key);
    try {
      chmodSync(at, mode & 0o7777);
      setTime(at, mtimeNs);
      if (owners && owner) chownSync(at, owner.uid, owner.gid); // last: from then on it may not be this process's to change
    } catch (error) {
      throw localError('set the attributes of', pathOf(this.#roots, key), error);
    }
  }

  #place(dir: EntryKey): DirHandle {
    try {
      return this.#open(dir);
    } catch (error) {
      throw localError('create', pathOf(this.#roots, dir), error);
    }
  }

  #open(dir: EntryKey): DirHandle {
    try {
      return this.#dirs.open(dir);
    } catch (error) {
      if (errnoOf(error) !== 'ENOENT') throw error;
    }
    if (dir === rootOf(dir)) mkdirSync(pathOf(this.#roots, dir), { recursive: true, mode: 0o700 });
    else makeUnlessThere(this.#open(parentOf(dir)).at(dir.slice(dir.lastIndexOf('/') + 1)));
    return this.#dirs.open(dir);
  }
}

/** Another thread may need it as well. */
function makeUnlessThere(path: string): void {
  try {
    mkdirSync(path, 0o700);
  } catch (error) {
    if (errnoOf(error) !== 'EEXIST') throw error;
  }
}

/** Where the file system knows no second names, or this user may give none. */
const NO_LINKS = new Set(['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK']);

/**
 * Gives what stands at `from` a second name, so that the first is never without its file, whenever this is cut short. Where that
 * cannot be, renames it. Overwrites nothing. False when `to` is that very file.
 */
export function keepAs(from: string, to: string): boolean {
  try {
    linkSync(from, to);
  } catch (error) {
    if (errnoOf(error) === 'EEXIST' && isSame(from, to)) return false;
    if (!NO_LINKS.has(errnoOf(error) ?? '')) throw error;
    renameSync(from, to);
  }
  return true;
}

function isSame(a: string, b: string): boolean {
  const [x, y] = [lstatSync(a, { bigint: true }), lstatSync(b, { bigint: true })];
  return x.dev === y.dev && x.ino === y.ino;
}
