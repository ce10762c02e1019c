// Collects bytes that come in pieces. It has no limit of its own: the caller checks the length.

/** Doubles its buffer when it is full: a list of pieces of one byte would take a hundred times their size. */
export class ByteBuffer {
  #bytes = new Uint8Array();
  #length = 0;

  get length(): number {
    return this.#length;
  }

  /** Copies the piece. */
  add(piece: Uint8Array): void {
    const length = this.#length + piece.length;
    if (length > this.#bytes.length) {
      const larger = new Uint8Array(Math.max(length, 2 * this.#bytes.length));
      larger.set(this.#bytes.subarray(0, this.#length));
      this.#bytes = larger;
    }
    this.#bytes.set(piece, this.#length);
    this.#length = length;
  }

  /** Returns all bytes, valid until the next `add`, and empties the buffer. */
  take(): Uint8Array {
    const all = this.#bytes.subarray(0, this.#length);
    this.#length = 0;
    return all;
  }
}
