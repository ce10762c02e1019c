// Gives a published file the name of its part, so that it may be written to, and gives one that nobody has written to its own name again.
// Its bytes stay where they are.

import { type BigIntStats, chmodSync, fstatSync, lstatSync, renameSync } from 'node:fs';
import { errnoOf } from '../errors.js';
import { type DirHandle, pinned } from '../files/dirfd.js';
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

/** The operations of one thread. Every method throws `local`, naming the path, when a system call fails. */
export class Published {
  readonly #directories: Directories;
  /** The time of each directory before its entries were renamed. */
  readonly #times = new Map<EntryKey, string>();

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
        this.#noteTime(dir, handle);
        record(idOf(exact()));
        if ((stat.mode & MAY_WRITE) !== MAY_WRITE) chmodSync(at, (stat.mode & 0o7777) | MAY_WRITE);
        renameSync(handle.at(name), handle.at(partNameOf(name)));
        if (statIn(handle, partNameOf(name))?.ino === exact().ino) return undefined;
        renameSync(handle.at(partNameOf(name)), handle.at(name)); // another file took the name in between
        return CHANGED;
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
    this.restoreTime(dir);
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

  /** Gives a directory the time that it had. One that cannot be set is left: times of directories are never compared. */
  restoreTime(dir: EntryKey): void {
    const time = this.#times.get(dir);
    this.#times.delete(dir);
    if (time === undefined) return;
    try {
      setTime(this.#directories.open(dir).fd, time);
    } catch {}
  }

  #noteTime(dir: EntryKey, { fd }: DirHandle): void {
    if (!this.#times.has(dir)) this.#times.set(dir, `${fstatSync(fd, { bigint: true }).mtimeNs}`);
  }

  #in(
    dir: EntryKey,
    doing: string,
    name: string,
    operation: (handle: DirHandle) => Conflict | undefined,
  ): Conflict | undefined {
    return this.#directories.in(dir, doing, joinKey(dir, name), operation, () => CHANGED);
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
