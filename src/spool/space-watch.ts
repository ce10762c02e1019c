// Stops a spool before it fills its file system: a source may send a listing without end.

import { statfsSync } from 'node:fs';
import { LmError, localError, printable } from '../errors.js';

const CHECK_EVERY_BYTES = 32 << 20;

/** Room for the journal, and for other users of the file system. */
const RESERVE_BYTES = 64 << 20;

export class SpaceWatch {
  readonly #path: string;
  readonly #everyBytes: number;
  readonly #reserveBytes: number;
  #uncheckedBytes = 0;

  /** `path` is a file or directory on the file system to watch. */
  constructor(path: string, everyBytes = CHECK_EVERY_BYTES, reserveBytes = RESERVE_BYTES) {
    this.#path = path;
    this.#everyBytes = everyBytes;
    this.#reserveBytes = reserveBytes;
  }

  /** To be called after `bytes` bytes were written there. Throws `local` when too few are free. */
  wrote(bytes: number): void {
    this.#uncheckedBytes += bytes;
    if (this.#uncheckedBytes < this.#everyBytes) return;
    this.#uncheckedBytes = 0;
    if (this.#freeBytes() >= this.#reserveBytes) return;
    const mib = Math.round(this.#reserveBytes / 2 ** 20);
    throw new LmError(
      'no-space',
      `cannot write ${printable(this.#path)}: the listing leaves less than ${mib} MiB free there`,
      {
        hint: 'free some space, or give a --state-dir on a larger file system, and run the same command again',
      },
    );
  }

  #freeBytes(): number {
    try {
      const { bavail, bsize } = statfsSync(this.#path);
      return bavail * bsize;
    } catch (error) {
      throw localError('examine the file system of', this.#path, error);
    }
  }
}
