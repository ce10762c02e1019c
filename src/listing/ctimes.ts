// Decides for a walk which ctimes tell one state of a file from another.

import { fstatSync } from 'node:fs';
import type { DirHandle } from '../files/dirfd.js';
import { NO_CTIME } from '../files/entry.js';
import { isStampedByKernel } from '../files/young.js';
import type { FileStat } from '../syscalls/stat.js';

export class Ctimes {
  readonly #stamped: (path: string) => boolean;
  /** By device: whether the kernel sets the times of its files. */
  readonly #known = new Map<bigint, boolean>();
  /** The device of the directory that is being read, if the kernel sets times there. */
  #device: bigint | undefined;

  constructor(stamped = isStampedByKernel) {
    this.#stamped = stamped;
  }

  /** The entries that follow are of this directory. Costs a call, and one more for each device. */
  enter(handle: DirHandle): void {
    const { dev } = fstatSync(handle.fd, { bigint: true });
    if (!this.#known.has(dev)) this.#known.set(dev, this.#stamped(handle.at('.')));
    this.#device = this.#known.get(dev) ? dev : undefined;
  }

  /** The ctime of an entry, or NO_CTIME. */
  of({ dev, ctimeNs }: FileStat): string {
    return dev === this.#device ? `${ctimeNs}` : NO_CTIME;
  }
}
