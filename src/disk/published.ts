// Gives a published file the name of its part, so that it may be written to, and gives one that nobody has written to its own name again.
// Its bytes stay where they are.

import { type BigIntStats, chmodSync, fchmodSync, fstatSync, lstatSync, renameSync, type Stats } from 'node:fs';
import { errnoOf } from '../errors.js';
import { type DirHandle, MAY_CHANGE, pinned } from '../files/dirfd.js';
import { type Entry, type EntryKey, joinKey, kindOf, NO_CTIME } from '../files/entry.js';
import { lstatIfThere } from '../files/if-there.js';
import type { Roots } from '../files/roots.js';
import { setTime } from '../files/set-time.js';
import { CHANGED, type Conflict, Directories } from './directories.js';
import { idOf, partNameOf } from './disk.js';
import { ifUnchanged } from './surveyed.js';

/** What the owner of a part has to be allowed. */
const MAY_WRITE = 0o600;

const HARD_LINK: Conflict = 'it has another name here (a hard link), under which its bytes must not change';

/** EPERM: true of this file, or of one directory, and of no others. */
const NOT_PERMITTED: Conflict = 'it may not be renamed here: is it immutable (lsattr), or its directory?';

/** The operations of one thread. Every method throws `local`, naming the path, when a system call fails. */
export class Published {
  readonly #directories: Directories;
  /** Directories as they were before their entries were renamed. */
  readonly #noted = new Map<EntryKey, { mtimeNs: string; mode: number }>();

  constructor(roots: Roots) {
    this.#directories = new Directories(roots);
  }

  close(): void {
    this.#directories.close();
  }

  /**
   * Renames `local` to its part, unless something else has its name by now. `record` is called before anything changes, with what `Disk.partIdOf`
   * returns of it: whoever finds the part must know what it is.
   */
  unpublish(dir: EntryKey, local: Entry, record: (partId: string) => void): Conflict | undefined {
    const { name } = local;
    return this.#in(dir, 'unpublish', name, (handle) =>
      ifUnchanged(handle.at(name), local, local, (at, stat, exact) => {
        if (stat.nlink > 1) return HARD_LINK;
        record(idOf(exact()));
        const isTaken = (): boolean => {
          renameSync(handle.at(name), handle.at(partNameOf(name)));
          if (statIn(handle, partNameOf(name))?.ino === exact().ino) return true;
          renameSync(handle.at(partNameOf(name)), handle.at(name)); // another file took the name in between
          return false;
        };
        return takenWritable(at, stat, isTaken);
      }),
    );
  }

  /** Renames the part of `local` back, if it is what was unpublished and nobody has written to it since. Returns whether it has its name again. */
  putBack(dir: EntryKey, local: Entry): boolean {
    const { name } = local;
    const returned = this.#in(dir, 'return', name, (handle) => {
      const part = handle.at(partNameOf(name));
      const stat = statIn(handle, partNameOf(name));
      if (!stat || `${stat.ino}` !== local.ino || `${stat.mtimeNs}` !== local.mtimeNs) return 'written to';
      if (lstatIfThere(handle.at(name))) return 'taken';
      if ((Number(stat.mode) & 0o7777) !== (local.mode & 0o7777))
        pinned(part, (at) => chmodSync(at, local.mode & 0o7777));
      renameSync(part, handle.at(name));
      return undefined;
    });
    return returned === undefined;
  }

  /** The file as it is now; undefined when it is gone or no file any more. `before` tells whether its ctime proves anything. */
  look(dir: EntryKey, name: string, before: Entry | undefined): Entry | undefined {
    let found: Entry | undefined;
    this.#in(dir, 'look at', name, (handle) => {
      const stat = statIn(handle, name);
      if (stat && kindOf(Number(stat.mode)) === 'file') found = entryOf(name, stat, before);
      return undefined;
    });
    return found;
  }

  /** Remembers a directory as it is, for `restoreDirectory`. */
  noteDirectory(dir: EntryKey): void {
    this.#in(dir, 'look at', '', ({ fd }) => {
      const { mtimeNs, mode } = fstatSync(fd, { bigint: true });
      this.#noted.set(dir, { mtimeNs: `${mtimeNs}`, mode: Number(mode) & 0o7777 });
      return undefined;
    });
  }

  /**
   * Gives a directory the time that it had, and its mode, where that had to be changed so that entries could be renamed. A time that cannot be
   * set is left: times of directories are never compared.
   */
  restoreDirectory(dir: EntryKey): void {
    const noted = this.#noted.get(dir);
    this.#noted.delete(dir);
    if (!noted) return;
    this.#in(dir, 'set the mode of', '', ({ fd }) => {
      const { mtimeNs, mode } = fstatSync(fd, { bigint: true });
      try {
        if (`${mtimeNs}` !== noted.mtimeNs) setTime(fd, noted.mtimeNs);
      } catch {}
      const now = Number(mode) & 0o7777;
      if (now !== noted.mode && now === (noted.mode | MAY_CHANGE)) fchmodSync(fd, noted.mode);
      return undefined;
    });
  }

  #in(
    dir: EntryKey,
    doing: string,
    name: string,
    operation: (handle: DirHandle) => Conflict | undefined,
  ): Conflict | undefined {
    return this.#directories.in(dir, doing, name === '' ? dir : joinKey(dir, name), operation, () => CHANGED);
  }
}

/** Makes the file at `at`, a path to its inode, writable to its owner, so that `take` may; it is as it was if that fails. */
function takenWritable(at: string, { mode }: Stats, take: () => boolean): Conflict | undefined {
  let isChanged = false;
  let isTaken = false;
  try {
    if ((mode & MAY_WRITE) !== MAY_WRITE) {
      chmodSync(at, (mode & 0o7777) | MAY_WRITE);
      isChanged = true;
    }
    isTaken = take();
    return isTaken ? undefined : CHANGED;
  } catch (error) {
    if (errnoOf(error) === 'EPERM') return NOT_PERMITTED;
    throw error;
  } finally {
    if (isChanged && !isTaken) chmodSync(at, mode & 0o7777);
  }
}

function statIn(handle: DirHandle, name: string): BigIntStats | undefined {
  try {
    return lstatSync(handle.at(name), { bigint: true });
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}

const entryOf = (name: string, stat: BigIntStats, before: Entry | undefined): Entry => ({
  name,
  kind: 'file',
  size: `${stat.size}`,
  mtimeNs: `${stat.mtimeNs}`,
  mode: Number(stat.mode),
  ino: `${stat.ino}`,
  owner: { uid: Number(stat.uid), gid: Number(stat.gid) },
  target: undefined,
  ctimeNs: before?.ctimeNs === NO_CTIME ? NO_CTIME : `${stat.ctimeNs}`,
  links: Number(stat.nlink),
  allocated: undefined,
});
