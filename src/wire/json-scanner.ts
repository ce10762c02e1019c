// Finds where a JSON value ends in bytes that come in pieces, by its brackets and quotes alone. The caller parses the value.

import { isUtf8 } from 'node:buffer';
import { invalidListing } from '../files/listing.js';
import { ByteBuffer } from './byte-buffer.js';

/** Far more than a path of 4,096 bytes and three numbers take. Unknown members are skipped, and may not be longer either. */
const MAX_VALUE_BYTES = 1 << 20;

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const COLON = 0x3a;
export const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;

export const isSpace = (byte: number): boolean => byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;

/** Scans one JSON value. A number or word ends before the byte that follows it. */
export class ValueScanner {
  readonly #earlier = new ByteBuffer();
  /** The bytes of the value in the current chunk. */
  #last: Uint8Array | undefined;
  #depth = 0;
  #inString = false;
  #escaped = false;

  /** Where the value ends in this chunk, or undefined when it goes on in the next. */
  scan(chunk: Uint8Array, from: number): number | undefined {
    const end = this.#endIn(chunk, from);
    this.#last = chunk.subarray(from, end);
    if (this.#earlier.length + this.#last.length > MAX_VALUE_BYTES) throw invalidListing('a value longer than 1 MiB');
    if (end === undefined || this.#earlier.length > 0) this.#earlier.add(this.#last);
    return end;
  }

  text(): string {
    const bytes = this.#earlier.length > 0 ? this.#earlier.take() : this.#last!;
    if (!isUtf8(bytes)) throw invalidListing('text that is not UTF-8');
    return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8');
  }

  /** One loop over local variables: it runs over every byte of a listing of hundreds of megabytes. */
  #endIn(chunk: Uint8Array, from: number): number | undefined {
    let depth = this.#depth;
    let inString = this.#inString;
    let escaped = this.#escaped;
    for (let at = from; at < chunk.length; at++) {
      const byte = chunk[at]!;
      if (inString) {
        if (escaped) escaped = false;
        else if (byte === BACKSLASH) escaped = true;
        else if (byte === QUOTE) {
          inString = false;
          if (depth === 0) return at + 1;
        }
      } else if (byte === QUOTE) inString = true;
      else if (byte === OPEN_BRACE || byte === OPEN_BRACKET) depth++;
      else if (byte === CLOSE_BRACE || byte === CLOSE_BRACKET) {
        if (depth === 0) return at;
        if (--depth === 0) return at + 1;
      } else if (depth === 0 && (byte === COMMA || byte === COLON || isSpace(byte))) return at;
    }
    this.#depth = depth;
    this.#inString = inString;
    this.#escaped = escaped;
    return undefined;
  }
}
