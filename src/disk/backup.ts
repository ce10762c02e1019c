// Keeps an entry that is about to be removed or replaced, under the same key outside the roots, by a hard link or a rename.

import { chmodSync, chownSync, linkSync, lstatSync, mkdirSync, renameSync } from 'node:fs';
import { errnoOf, localError } from '../errors.js';
import { DirCache, type DirHandle } from '../files/dirfd.js';
import { type Entry, type EntryKey, joinKey, parentOf, rootOf } from '../files/entry.js';
import { pathOf, type Roots } from '../files/roots.js';
import { setTime } from '../files/set-time.js';

/** The backup of one pass, as one thread uses it. Directories are made on demand, with access for their owner alone. */
export class Backup {
  readonly into: string;
  readonly #roots: Roots;
  readonly #dirs: DirCache;

  /** `into` need not exist. It holds no entries of an earlier pass, so that nothing can be overwritten. */
  constructor(roots: Roots, into: string) {
    this.into = into;
    this.#roots = roots.map((root) => ({ ...root, path: `${into}/${root.key}` }));
    this.#dirs = new DirCache(this.#roots);
  }

  close(): void {
    this.#dirs.close();
  }

  /** Backs up a file or link at `from`. Returns false when it was backed up before. Throws the system's error. */
  backUp(from: string, dir: EntryKey, name: string): boolean {
    return linkOrRename(from, this.#openOrCreate(dir).at(name));
  }

  /** Backs up a directory whose contents are in the backup already, or that is empty. */
  backUpDirectory(dir: EntryKey, { name, mtimeNs, mode, owner }: Entry, owners: boolean): void {
    const key = joinKey(dir, name);
    const at = this.#openOrCreate(dir).at(name);
    this.#openOrCreate(key);
    this.#dirs.forget(key);
    try {
      chmodSync(at, mode & 0o7777);
      setTime(at, mtimeNs);
      if (owners && owner) chownSync(at, owner.uid, owner.gid); // last: after that this process may not be allowed to change it
    } catch (error) {
      throw localError('set the attributes of', pathOf(this.#roots, key), error);
    }
  }

  #openOrCreate(dir: EntryKey): DirHandle {
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

/** Another thread may make it at the same time. */
function makeUnlessThere(path: string): void {
  try {
    mkdirSync(path, 0o700);
  } catch (error) {
    if (errnoOf(error) !== 'EEXIST') throw error;
  }
}

/** Errors of a file system without hard links, or one on which this user may not make them. */
const NO_LINKS = new Set(['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK']);

/**
 * Makes a hard link `to` to the file or link at `from`, so that `from` never loses its file, whenever this process is killed. Where that is
 * impossible, renames it. Overwrites nothing. Returns false when `to` is that very file.
 */
export function linkOrRename(from: string, to: string): boolean {
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
