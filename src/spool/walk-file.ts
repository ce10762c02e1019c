// Writes the lines of this host's walk to a file as they come. The next run compares its own walk with them.

import { closeSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { hexOf } from '../digest/digest.js';
import { createXxh64 } from '../digest/kernels/xxh64.js';
import { localError } from '../errors.js';
import { removeIfThere } from '../files/if-there.js';
import { writeAll } from '../files/write-all.js';

/** A finished file. `sum` is the XXH64 of its `bytes` bytes, in hex. */
export interface WalkLines {
  path: string;
  bytes: number;
  sum: string;
}

export class WalkFile {
  readonly path: string;
  readonly #hash = createXxh64();
  #fd: number | undefined;
  #bytes = 0;

  /** The file is created with the first line. Every method throws `local`. */
  constructor(dir: string, name = 'walk.lines') {
    this.path = join(dir, name);
  }

  add(lines: Uint8Array): void {
    this.#hash.update(lines);
    this.#bytes += lines.length;
    this.#attempt(() => writeAll(this.#open(), lines));
  }

  finish(): WalkLines {
    this.#attempt(() => this.#open());
    this.close();
    return { path: this.path, bytes: this.#bytes, sum: hexOf(this.#hash.digest()) };
  }

  /** To be called after a walk that was cut short, too. */
  close(): void {
    const fd = this.#fd;
    this.#fd = undefined;
    if (fd !== undefined) this.#attempt(() => closeSync(fd));
  }

  /** Creates a new file, because the one that an earlier walk left may have a second name by which it is still needed. */
  #open(): number {
    if (this.#fd !== undefined) return this.#fd;
    removeIfThere(this.path);
    this.#fd = openSync(this.path, 'wx', 0o600);
    return this.#fd;
  }

  #attempt(operation: () => unknown): void {
    try {
      operation();
    } catch (error) {
      throw localError('write', this.path, error);
    }
  }
}
