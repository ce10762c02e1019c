// Restores the modes of inaccessible directories of this side, which the walk has changed so that it can read them.

import { chmodSync, type Stats } from 'node:fs';
import { errnoOf, printable } from '../errors.js';
import type { Emit } from '../events.js';
import { DirCache, MAY_CHANGE, pinned } from '../files/dirfd.js';
import { type Entry, type EntryKey, isInaccessible, joinKey, kindOf } from '../files/entry.js';
import type { BlockSum } from '../files/listing.js';
import { pathOf, type Roots } from '../files/roots.js';

/** Those of one run by an ordinary user; root can read every directory whatever its mode. */
export class InaccessibleDirectories {
  readonly #roots: Roots;
  /** In the order of the walk. */
  readonly #changed: { dir: EntryKey; entry: Entry }[] = [];
  readonly #changedRoots: { path: string; mode: number }[] = [];

  constructor(roots: Roots) {
    this.#roots = roots;
  }

  /** Notes the directories whose mode a walk has changed. */
  note(sums: readonly BlockSum[]): void {
    for (const { dir, directories } of sums)
      for (const entry of directories) if (isInaccessible(entry)) this.#changed.push({ dir, entry });
  }

  /** Adds `may` to the modes of roots that lack it. An error is ignored: using the root will report why, or succeed all the same. */
  openRoots(may: number): void {
    for (const { path } of this.#roots)
      try {
        pinned(path, (at, { mode }) => {
          if ((mode & may) === may) return;
          chmodSync(at, (mode & 0o7777) | MAY_CHANGE);
          this.#changedRoots.push({ path, mode: mode & 0o7777 });
        });
      } catch (error) {
        if (errnoOf(error) === undefined) throw error;
      }
  }

  /** Restores the modes, deepest first. New modes, if the plan has any, are set after that. */
  restoreModes(emit: Emit): void {
    const dirs = new DirCache(this.#roots);
    try {
      for (let each = this.#changed.pop(); each; each = this.#changed.pop())
        this.#restoreDirectory(dirs, each.dir, each.entry, emit);
    } finally {
      dirs.close();
    }
    for (let each = this.#changedRoots.pop(); each; each = this.#changedRoots.pop()) this.#restoreRoot(each, emit);
  }

  #restoreRoot({ path, mode }: { path: string; mode: number }, emit: Emit): void {
    this.#restore(path, emit, () => pinned(path, (at, stat) => restoreMode(at, stat, mode)));
  }

  /** A directory that is gone or has another mode by now is left alone: somebody else changed it. */
  #restoreDirectory(dirs: DirCache, dir: EntryKey, { name, mode }: Entry, emit: Emit): void {
    const path = pathOf(this.#roots, joinKey(dir, name));
    this.#restore(path, emit, () =>
      pinned(dirs.open(dir).at(name), (at, stat) => restoreMode(at, stat, mode & 0o7777)),
    );
  }

  #restore(path: string, emit: Emit, operation: () => void): void {
    try {
      operation();
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') return;
      emit({ type: 'warning', text: `${printable(path)} ${CANNOT_RESTORE}: ${errnoOf(error) ?? String(error)}` });
    }
  }
}

const CANNOT_RESTORE = 'was opened to be looked into, and cannot be closed again';

function restoreMode(at: string, stat: Stats, mode: number): void {
  if (kindOf(stat.mode) === 'directory' && (stat.mode & 0o7777) === (mode | MAY_CHANGE)) chmodSync(at, mode);
}
