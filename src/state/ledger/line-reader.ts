// Reads a file line by line, with a bound for the length of a line. It does not look into them.

import { readSync } from 'node:fs';

const NEWLINE = 10;
const CHUNK_BYTES = 256 << 10;

/** The line of a file of 4 TiB takes 47 MB. */
export const MAX_LINE_BYTES = 48 << 20;

export class LineReader {
  readonly #fd: number;
  readonly #maxBytes: number;
  #buffer: Buffer;
  /** Where in the buffer the bytes begin that have been read and not returned, and where they end. */
  #from = 0;
  #to = 0;
  /** Where in the file the next read begins. */
  #position: number;

  constructor(fd: number, position = 0, maxBytes = MAX_LINE_BYTES) {
    this.#fd = fd;
    this.#position = position;
    this.#maxBytes = maxBytes;
    this.#buffer = Buffer.allocUnsafe(Math.min(CHUNK_BYTES, maxBytes));
  }

  /** Where in the file the next line begins. */
  get position(): number {
    return this.#position - (this.#to - this.#from);
  }

  /**
   * The next line with its newline, a view that is valid until the next call; undefined at the end. Without a newline comes what a longer
   * line than `maxBytes` holds, in pieces, and the last line of a file that ends in the middle of it. Throws the system's error.
   */
  next(): Buffer | undefined {
    for (let searched = 0; ; ) {
      const found = this.#buffer.subarray(this.#from + searched, this.#to).indexOf(NEWLINE);
      if (found >= 0) return this.#take(searched + found + 1);
      searched = this.#to - this.#from;
      if (searched >= this.#maxBytes || !this.#fill()) return searched > 0 ? this.#take(searched) : undefined;
    }
  }

  #take(bytes: number): Buffer {
    this.#from += bytes;
    return this.#buffer.subarray(this.#from - bytes, this.#from);
  }

  #fill(): boolean {
    this.#makeRoom();
    const got = readSync(this.#fd, this.#buffer, this.#to, this.#buffer.length - this.#to, this.#position);
    this.#to += got;
    this.#position += got;
    return got > 0;
  }

  #makeRoom(): void {
    if (this.#to < this.#buffer.length) return;
    const held = this.#to - this.#from;
    const buffer = held > this.#buffer.length / 2 ? Buffer.allocUnsafe(2 * this.#buffer.length) : this.#buffer;
    this.#buffer.copy(buffer, 0, this.#from, this.#to);
    this.#buffer = buffer;
    this.#from = 0;
    this.#to = held;
  }
}
