// Bytes into lines of UTF-8 text. Knows nothing of what the lines say.

import { isUtf8 } from 'node:buffer';
import { LmError } from '../errors.js';

/** A listing block of 1,000 names of 255 bytes, each byte escaped, stays below this. */
const LONGEST_LINE = 16 * 1024 * 1024;

/** The lines without their newline; an unfinished last line is not yielded. Throws `protocol` for what is no text. */
export async function* linesOf(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  for await (const line of byteLinesOf(chunks)) yield textOf(line);
}

/** The same as bytes, which may be part of a chunk. */
export async function* byteLinesOf(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let rest: Uint8Array[] = [];
  let restBytes = 0;
  for await (const chunk of chunks) {
    let start = 0;
    for (let end = chunk.indexOf(10); end >= 0; end = chunk.indexOf(10, start)) {
      rest.push(chunk.subarray(start, end));
      yield rest.length === 1 ? rest[0]! : Buffer.concat(rest);
      rest = [];
      restBytes = 0;
      start = end + 1;
    }
    if (start === chunk.length) continue;
    rest.push(chunk.slice(start));
    restBytes += chunk.length - start;
    if (restBytes > LONGEST_LINE) throw new LmError('protocol', 'the source sent a line longer than 16 MiB');
  }
}

/** Throws `protocol` for what is not UTF-8. */
export function textOf(bytes: Uint8Array): string {
  if (!isUtf8(bytes)) throw new LmError('protocol', 'the source sent text that is not UTF-8');
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8');
}
