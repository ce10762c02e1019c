// Splits a stream of bytes into lines of UTF-8 text.

import { isUtf8 } from 'node:buffer';
import { LmError } from '../errors.js';
import { ByteBuffer } from './byte-buffer.js';

const NEWLINE = 10;

/** A block of a listing with 1,000 names of 255 bytes, each byte escaped, stays below this. */
const MAX_LINE_BYTES = 16 * 1024 * 1024;

/** The lines as text; an unfinished last line is not yielded. Throws `protocol` for what is not UTF-8. */
export async function* linesOf(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  for await (const line of byteLinesOf(chunks)) yield textOf(line);
}

/** The lines as bytes, each with its newline: a view of the chunk where the line lies in one chunk, else a copy. */
export async function* byteLinesOf(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const rest = new ByteBuffer();
  for await (const chunk of chunks) {
    let start = 0;
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, start)) {
      const line = chunk.subarray(start, end + 1);
      if (rest.length > 0) rest.add(line);
      yield rest.length > 0 ? rest.take().slice() : line;
      start = end + 1;
    }
    if (start === chunk.length) continue;
    rest.add(chunk.subarray(start));
    if (rest.length > MAX_LINE_BYTES)
      throw new LmError('protocol', `the source sent a line longer than ${MAX_LINE_BYTES >> 20} MiB`);
  }
}

/** A line's text, without its newline. Throws `protocol` for what is not UTF-8. */
export function textOf(bytes: Uint8Array): string {
  if (!isUtf8(bytes)) throw new LmError('protocol', 'the source sent text that is not UTF-8');
  const length = bytes.byteLength - (bytes.at(-1) === NEWLINE ? 1 : 0);
  return Buffer.from(bytes.buffer, bytes.byteOffset, length).toString('utf8');
}
