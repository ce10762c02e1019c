// Directories of this side that are closed to their owner and have been opened to be looked into: closes them again. Opens none itself.

import { chmodSync, type Stats } from 'node:fs';
import { errnoOf, printable } from '../errors.js';
import type { Emit } from '../events.js';
import { DirCache, MAY_CHANGE, pinned } from '../files/dirfd.js';
import { type BlockSum, type Entry, type EntryKey, isClosed, joinKey, kindOf } from '../files/entry.js';
import { pathOf, type Roots } from '../files/roots.js';

/** Of one run by an ordinary user; root needs no mode to go where it likes. */
export class ClosedDirectories {
  readonly #roots: Roots;
  /** In the order of the walk. */
  readonly #opened: { dir: EntryKey; entry: Entry }[] = [];
  readonly #openedRoots: { path: string; mode: number }[] = [];

  constructor(roots: Roots) {
    this.#roots = roots;
  }

  /** What a walk has found, and opened. */
  note(sums: readonly BlockSum[]): void {
    for (const { dir, directories } of sums)
      for (const entry of directories) if (isClosed(entry)) this.#opened.push({ dir, entry });
  }

  /** Those in which their owner may not do so much. Where that cannot be, using them will say why, or succeed all the same. */
  openRoots(may: number): void {
    for (const { path } of this.#roots)
      try {
        pinned(path, (at, { mode }) => {
          if ((mode & may) === may) return;
          chmodSync(at, (mode & 0o7777) | MAY_CHANGE);
          this.#openedRoots.push({ path, mode: mode & 0o7777 });
        });
      } catch (error) {
        if (errnoOf(error) === undefined) throw error;
      }
  }

  /** Gives them the modes they were found with, deepest first. Whoever means them to have others sets those afterwards. */
  closeAgain(emit: Emit): void {
    const dirs = new DirCache(this.#roots);
    try {
      for (let each = this.#opened.pop(); each; each = this.#opened.pop())
        this.#closeDirectory(dirs, each.dir, each.entry, emit);
    } finally {
      dirs.close();
    }
    for (let each = this.#openedRoots.pop(); each; each = this.#openedRoots.pop()) this.#closeRoot(each, emit);
  }

  #closeRoot({ path, mode }: { path: string; mode: number }, emit: Emit): void {
    this.#close(path, emit, () => pinned(path, (at, stat) => closeIfOurs(at, stat, mode)));
  }

  /** What is gone, or has another mode by now, was somebody's doing. */
  #closeDirectory(dirs: DirCache, dir: EntryKey, { name, mode }: Entry, emit: Emit): void {
    const path = pathOf(this.#roots, joinKey(dir, name));
    this.#close(path, emit, () => pinned(dirs.open(dir).at(name), (at, stat) => closeIfOurs(at, stat, mode & 0o7777)));
  }

  #close(path: string, emit: Emit, deed: () => void): void {
    try {
      deed();
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') return;
      emit({ type: 'warning', text: `${printable(path)} ${CANNOT_CLOSE}: ${errnoOf(error) ?? String(error)}` });
    }
  }
}

const CANNOT_CLOSE = 'was opened to be looked into, and cannot be closed again';

function closeIfOurs(at: string, stat: Stats, mode: number): void {
  if (kindOf(stat.mode) === 'directory' && (stat.mode & 0o7777) === (mode | MAY_CHANGE)) chmodSync(at, mode);
}
