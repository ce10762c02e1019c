// Lines that prove themselves: after each stretch of them comes a seal, the XXH64 of all that was sent since the one before. A reader
// hands out no line that is not as it was sent. What the lines say is for others to judge.

import { hexOf } from '../digest/digest.js';
import { createXxh64, type Xxh64 } from '../digest/kernels/xxh64.js';
import { LmError } from '../errors.js';
import { byteLinesOf } from './lines.js';

export const SEALED_TYPE = 'application/x-ndjson';

/** Each chunk, which ends with a line, and its seal. */
export async function* sealed(chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const seal = createSealer();
  for await (const chunk of chunks) {
    const line = seal([chunk]); // first: a chunk that has been yielded may be gone
    yield chunk;
    yield line;
  }
}

/** Far more than an agent's chunk: 256 KiB, and a line of 16 MiB at the most. A line counts with what its object takes. */
const MOST_BYTES = 32 << 20;
const LINE_BYTES = 256;

/**
 * Stretches as they were sent, without their seals. What comes after the last seal is not yielded. Throws `source` for what was
 * changed on the way, which another try may mend, and `protocol` for what is no text or never ends. `what` is sent: `the listing`.
 */
export async function* provedLines(chunks: AsyncIterable<Uint8Array>, what: string): AsyncGenerator<Uint8Array[]> {
  const seal = createSealer();
  let stretch: Uint8Array[] = [];
  let bytes = 0;
  for await (const line of byteLinesOf(chunks)) {
    if (line.length === SEAL_BYTES && BEGIN.equals(line.subarray(0, BEGIN.length))) {
      if (!seal(stretch).equals(line)) throw damaged(what);
      if (stretch.length > 0) yield stretch;
      stretch = [];
      bytes = 0;
      continue;
    }
    stretch.push(line);
    bytes += line.length + LINE_BYTES;
    if (bytes > MOST_BYTES) throw new LmError('protocol', `the source sent 32 MiB of ${what} and no checksum`);
  }
}

const BEGIN = Buffer.from('{"type":"seal","xxh64":"');
const END = '"}\n';
const SEAL_BYTES = BEGIN.length + 16 + END.length;

/** Makes the seal of each stretch in turn. A seal is part of the next message, so that no stretch can go missing with its own. */
export function createSealer(): (stretch: Iterable<Uint8Array>) => Buffer {
  let last = Buffer.alloc(0);
  return (stretch) => {
    hash ??= createXxh64();
    hash.update(last);
    for (const bytes of stretch) hash.update(bytes);
    last = Buffer.concat([BEGIN, Buffer.from(hexOf(hash.digest()) + END)]);
    return last;
  };
}

/** One for all streams, since a message is hashed in one go: it takes a millisecond to make. */
let hash: Xxh64 | undefined;

const damaged = (what: string): LmError =>
  new LmError('source', `bytes of ${what} were damaged on the way`, {
    hint: 'run the same command again; if that does not help, something between the two hosts changes bytes',
  });
