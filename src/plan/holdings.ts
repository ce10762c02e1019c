// Counts the files and bytes of each directory on each side. The guards judge by them what the source has lost.

import type { EntryKey } from '../files/entry.js';

/** Counts of one directory, without those below it. Everything but a directory is a file here. */
export interface Held {
  files: number;
  bytes: number;
}

const SIDES = ['source', 'local', 'removed', 'fresh'] as const;
type Side = (typeof SIDES)[number];

/** Cells for a directory: files and bytes of each side, and the number of files that are smaller at the source than here. */
const WIDTH = SIDES.length * 2 + 1;
const SHRUNK = WIDTH - 1;

/** The numbers of up to millions of directories lie in one array: an object for each would take four times the memory. */
export class Holdings {
  readonly #at = new Map<EntryKey, number>();
  #cells = new Float64Array(WIDTH * 256);

  add(dir: EntryKey, side: Side, files: number, bytes: number): void {
    if (files === 0) return;
    const at = this.#of(dir) + SIDES.indexOf(side) * 2;
    this.#cells[at]! += files;
    this.#cells[at + 1]! += bytes;
  }

  countShrunk(dir: EntryKey): void {
    this.#cells[this.#of(dir) + SHRUNK]! += 1;
  }

  /** Yields directories in the order in which they came. */
  *[Symbol.iterator](): Generator<DirectoryHoldings> {
    for (const [dir, at] of this.#at) {
      const [source, local, removed, fresh] = [0, 2, 4, 6].map((to) => this.#held(at + to)) as [Held, Held, Held, Held];
      const remaining = { files: local.files - removed.files, bytes: local.bytes - removed.bytes };
      yield { dir, source, local, remaining, fresh, shrunk: this.#cells[at + SHRUNK]! };
    }
  }

  #held(at: number): Held {
    return { files: this.#cells[at]!, bytes: this.#cells[at + 1]! };
  }

  #of(dir: EntryKey): number {
    const known = this.#at.get(dir);
    if (known !== undefined) return known;
    const at = this.#at.size * WIDTH;
    if (at === this.#cells.length) {
      const more = new Float64Array(at * 2);
      more.set(this.#cells);
      this.#cells = more;
    }
    this.#at.set(dir, at);
    return at;
  }
}

interface DirectoryHoldings {
  dir: EntryKey;
  source: Held;
  local: Held;
  /** What remains of `local` after the removals of the plan. */
  remaining: Held;
  /** What of `source` is new here. */
  fresh: Held;
  /** Files that are smaller at the source than here. */
  shrunk: number;
}
