// Directories of this side that are closed to their owner and have been opened to be looked into: closes them again. Opens none itself.

import { chmodSync } from 'node:fs';
import { errnoOf, printable } from '../errors.js';
import type { Emit } from '../events.js';
import { DirCache, MAY_CHANGE, pinned } from '../files/dirfd.js';
import { type BlockSum, type EntryKey, isClosed, joinKey, kindOf, type Row } from '../files/entry.js';
import { pathOf, type Roots } from '../files/roots.js';

/** Of one run by an ordinary user; root needs no mode to go where it likes. */
export class ClosedDirectories {
  readonly #roots: Roots;
  /** In the order of the walk. */
  readonly #opened: { dir: EntryKey; row: Row }[] = [];

  constructor(roots: Roots) {
    this.#roots = roots;
  }

  /** What a walk has found, and opened. */
  note(sums: readonly BlockSum[]): void {
    for (const { dir, directories } of sums)
      for (const row of directories) if (isClosed(row)) this.#opened.push({ dir, row });
  }

  /** Gives them the modes they were found with, deepest first. Whoever means them to have others sets those afterwards. */
  closeAgain(emit: Emit): void {
    const dirs = new DirCache(this.#roots);
    try {
      for (let each = this.#opened.pop(); each; each = this.#opened.pop()) this.#close(dirs, each.dir, each.row, emit);
    } finally {
      dirs.close();
    }
  }

  /** What is gone, or has another mode by now, was somebody's doing. */
  #close(dirs: DirCache, dir: EntryKey, [name, , , mode]: Row, emit: Emit): void {
    try {
      pinned(dirs.open(dir).at(name), (at, stat) => {
        if (kindOf(stat.mode) === 'directory' && (stat.mode & 0o7777) === ((mode & 0o7777) | MAY_CHANGE))
          chmodSync(at, mode & 0o7777);
      });
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') return;
      const path = pathOf(this.#roots, joinKey(dir, name));
      const why = errnoOf(error) ?? String(error);
      emit({
        type: 'warning',
        text: `${printable(path)} was opened to be looked into, and cannot be closed again: ${why}`,
      });
    }
  }
}
