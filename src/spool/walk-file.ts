// The lines of a walk of this host, set aside as they come: what the next run compares its own walk with. Looks into none of them.

import { closeSync, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { hexOf } from '../digest/digest.js';
import { createXxh64 } from '../digest/kernels/xxh64.js';
import { localError } from '../errors.js';
import { removeIfThere } from '../files/if-there.js';

/** `sum` is the XXH64 of the `bytes` bytes of `path`, in hex. */
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

  /** Nothing is made before there is a line. Every method throws `local`. */
  constructor(dir: string, name = 'walk.lines') {
    this.path = join(dir, name);
  }

  add(lines: Uint8Array): void {
    this.#hash.update(lines);
    this.#bytes += lines.length;
    this.#do(() => {
      const fd = this.#open();
      for (let done = 0; done < lines.length; ) done += writeSync(fd, lines, done);
    });
  }

  finish(): WalkLines {
    this.#do(() => this.#open());
    this.close();
    return { path: this.path, bytes: this.#bytes, sum: hexOf(this.#hash.digest()) };
  }

  /** Also of a walk that was broken off. */
  close(): void {
    const fd = this.#fd;
    this.#fd = undefined;
    if (fd !== undefined) this.#do(() => closeSync(fd));
  }

  /** A new file: what an earlier walk left under its name may be kept under another. */
  #open(): number {
    if (this.#fd !== undefined) return this.#fd;
    removeIfThere(this.path);
    this.#fd = openSync(this.path, 'wx', 0o600);
    return this.#fd;
  }

  #do(act: () => unknown): void {
    try {
      act();
    } catch (error) {
      throw localError('write', this.path, error);
    }
  }
}
