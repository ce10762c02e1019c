// Writes a file so that its holes stay holes. Where zeros belong nothing is written if there are zeros already, which is looked up on disk each
// time: an earlier run, or a request that was cut off, may have left other bytes there.

import { readSync } from 'node:fs';
import { writeAll } from '../files/write-all.js';
import { type Holes, holesOf, makeHole } from '../linux/holes.js';

/** What file systems allocate at least. */
const PAGE_BYTES = 4096;

const ZEROS = Buffer.alloc(64 << 10);

/** A stretch of bytes, as indexes. */
interface Run {
  zero: boolean;
  from: number;
  to: number;
}

/** The stretches of pages that are zeros or not; pages lie at multiples of their size in the file, where the bytes begin at `position`. */
export function* pageRuns(bytes: Uint8Array, position: number): Generator<Run> {
  let run: Run | undefined;
  for (let from = 0; from < bytes.length; ) {
    const to = Math.min(bytes.length, from + PAGE_BYTES - ((position + from) % PAGE_BYTES));
    const zero = isZero(bytes, from, to);
    if (run?.zero === zero) run.to = to;
    else {
      if (run) yield run;
      run = { zero, from, to };
    }
    from = to;
  }
  if (run) yield run;
}

/** At most a page. */
const isZero = (bytes: Uint8Array, from: number, to: number): boolean =>
  bytes[from] === 0 && Buffer.compare(bytes.subarray(from, to), ZEROS.subarray(0, to - from)) === 0;

/** A part of which any byte may have been written before. */
export class SparsePart {
  readonly #fd: number;
  readonly #failure: (error: unknown) => Error;
  readonly #holes: Holes | undefined;
  readonly #buffer = Buffer.allocUnsafe(ZEROS.length);
  /** Where the next data was when it was last looked for, from a position not behind it; nothing is known behind it. */
  #hole = { from: 0, to: 0 };

  /** The methods throw what `failure` makes of a system's error. */
  constructor(fd: number, failure: (error: unknown) => Error) {
    this.#fd = fd;
    this.#failure = failure;
    this.#holes = holesOf(fd);
  }

  write(bytes: Uint8Array, position: number): void {
    for (const { zero, from, to } of pageRuns(bytes, position)) {
      if (zero) this.clear(to - from, position + from);
      else this.#write(bytes.subarray(from, to), position + from);
    }
  }

  /** Makes these bytes zeros: a hole again where that can be, so that they take up no space of which nobody knows. */
  clear(bytes: number, position: number): void {
    const end = position + bytes;
    for (let at = this.#afterHole(position); at < end; ) {
      if (this.#holes && makeHole(this.#fd, at, end)) return;
      const to = Math.min(end, at + ZEROS.length);
      this.#clearPiece(at, to);
      at = this.#afterHole(to);
    }
  }

  /** The first position at or behind this one that is not known to lie in a hole. */
  #afterHole(position: number): number {
    if (!this.#holes) return position;
    if (position < this.#hole.from || position >= this.#hole.to)
      this.#hole = { from: position, to: this.#holes.nextData(position) };
    return this.#hole.to;
  }

  #clearPiece(from: number, to: number): void {
    for (let at = from; at < to; ) {
      const here = this.#buffer.subarray(0, to - at);
      const got = this.#try(() => readSync(this.#fd, here, 0, here.length, at));
      const bytes = got === 0 ? to - at : got; // a part has its full size, so this is one that somebody else has cut
      for (const run of pageRuns(here.subarray(0, got), at))
        if (!run.zero) this.#write(ZEROS.subarray(0, run.to - run.from), at + run.from);
      at += bytes;
    }
  }

  #write(bytes: Uint8Array, position: number): void {
    const end = position + bytes.length;
    if (position < this.#hole.to && end > this.#hole.from) this.#hole = { from: 0, to: 0 }; // part of it is data from now on
    this.#try(() => writeAll(this.#fd, bytes, position));
  }

  #try<T>(act: () => T): T {
    try {
      return act();
    } catch (error) {
      throw this.#failure(error);
    }
  }
}
