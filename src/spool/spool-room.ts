// Keeps what is set aside of a listing, which may be without end, from filling its file system to the last block. Writes nothing.

import { statfsSync } from 'node:fs';
import { LmError, localError, printable } from '../errors.js';

const LOOK_EVERY_BYTES = 32 << 20;

/** For the journal, and for whatever else lives on the same file system. */
const LEAVE_BYTES = 64 << 20;

export class SpoolRoom {
  readonly #path: string;
  readonly #everyBytes: number;
  readonly #leaveBytes: number;
  #unlooked = 0;

  /** `path` is a file or directory of the file system. */
  constructor(path: string, everyBytes = LOOK_EVERY_BYTES, leaveBytes = LEAVE_BYTES) {
    this.#path = path;
    this.#everyBytes = everyBytes;
    this.#leaveBytes = leaveBytes;
  }

  /** After so many bytes have been written there. Throws `local` when hardly any are left. */
  took(bytes: number): void {
    this.#unlooked += bytes;
    if (this.#unlooked < this.#everyBytes) return;
    this.#unlooked = 0;
    if (this.#freeBytes() >= this.#leaveBytes) return;
    const mib = Math.round(this.#leaveBytes / 2 ** 20);
    throw new LmError(
      'local',
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
