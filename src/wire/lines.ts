// Bytes into lines of UTF-8 text. Knows nothing of what the lines say.

import { isUtf8 } from 'node:buffer';
import { LmError } from '../errors.js';
import { Gathered } from './gathered.js';

const NEWLINE = 10;

/** A listing block of 1,000 names of 255 bytes, each byte escaped, stays below this. */
const LONGEST_LINE = 16 * 1024 * 1024;

/** The lines as text; an unfinished last line is not yielded. Throws `protocol` for what is no text. */
export async function* linesOf(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  for await (const line of byteLinesOf(chunks)) yield textOf(line);
}

/** The same as bytes, each with its newline: of a chunk where a line lies in one, else their own. */
export async function* byteLinesOf(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const rest = new Gathered();
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
    if (rest.length > LONGEST_LINE) throw new LmError('protocol', 'the source sent a line longer than 16 MiB');
  }
}

/** A line's text, without its newline. Throws `protocol` for what is not UTF-8. */
export function textOf(bytes: Uint8Array): string {
  if (!isUtf8(bytes)) throw new LmError('protocol', 'the source sent text that is not UTF-8');
  const length = bytes.byteLength - (bytes.at(-1) === NEWLINE ? 1 : 0);
  return Buffer.from(bytes.buffer, bytes.byteOffset, length).toString('utf8');
}
