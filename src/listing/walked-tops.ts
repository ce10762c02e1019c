// Remembers the directories at which a disk begins, to find out after a walk whether one of them was unmounted meanwhile: the entries of that
// disk have then been taken for removed ones.

import { fstatSync } from 'node:fs';
import { errnoOf } from '../errors.js';
import type { DirCache } from '../files/dirfd.js';
import type { EntryKey } from '../files/entry.js';
import type { FileStat } from '../syscalls/stat.js';

type Identity = Pick<FileStat, 'dev' | 'ino'>;

/** The root that is walked, and the mount points found below it. */
export class WalkedTops {
  readonly #known = new Map<EntryKey, Identity>();

  add(key: EntryKey, { dev, ino }: Identity): void {
    this.#known.set(key, { dev, ino });
  }

  /** Forgets all, and returns those that are gone or another directory now. Closes `dirs`, which may hold the old ones open. */
  replaced(dirs: DirCache): EntryKey[] {
    dirs.close();
    const replaced = [...this.#known].filter(([key, then]) => !isStill(dirs, key, then)).map(([key]) => key);
    this.#known.clear();
    return replaced;
  }
}

function isStill(dirs: DirCache, key: EntryKey, then: Identity): boolean {
  try {
    const now = fstatSync(dirs.open(key).fd, { bigint: true });
    return now.dev === then.dev && now.ino === then.ino;
  } catch (error) {
    if (errnoOf(error) === undefined) throw error;
    return false;
  }
}
