// How many files and bytes each directory holds, on each side: what a source has lost is seen here, not in what goes. Judges nothing.

import type { EntryKey } from '../files/entry.js';

/** Of one directory, not of those below it. Files are all that is no directory. */
export interface Held {
  files: number;
  bytes: number;
}

const SIDES = ['source', 'local', 'removed', 'fresh'] as const;
type Side = (typeof SIDES)[number];

/** Cells of a directory: files and bytes of each side, and the files that are smaller at the source than here. */
const WIDTH = SIDES.length * 2 + 1;
const SHRUNK = WIDTH - 1;

/** Of a million directories: numbers in one array, for a million objects would take four times as much. */
export class Holdings {
  readonly #at = new Map<EntryKey, number>();
  #cells = new Float64Array(WIDTH * 256);

  add(dir: EntryKey, side: Side, files: number, bytes: number): void {
    if (files === 0) return;
    const at = this.#of(dir) + SIDES.indexOf(side) * 2;
    this.#cells[at]! += files;
    this.#cells[at + 1]! += bytes;
  }

  shrinks(dir: EntryKey): void {
    this.#cells[this.#of(dir) + SHRUNK]! += 1;
  }

  /** Directories in the order in which they were met. */
  *[Symbol.iterator](): Generator<DirectoryHoldings> {
    for (const [dir, at] of this.#at) {
      const [source, local, removed, fresh] = [0, 2, 4, 6].map((to) => this.#held(at + to)) as [Held, Held, Held, Held];
      const left = { files: local.files - removed.files, bytes: local.bytes - removed.bytes };
      yield { dir, source, local, left, fresh, shrunk: this.#cells[at + SHRUNK]! };
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

export interface DirectoryHoldings {
  dir: EntryKey;
  source: Held;
  local: Held;
  /** Of `local`, what stays when all that the plan removes is gone. */
  left: Held;
  /** Of `source`, what is not here yet under its name. */
  fresh: Held;
  /** Files that are smaller at the source than here. */
  shrunk: number;
}
