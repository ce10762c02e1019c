// Puts checksums into a stream of lines and verifies them: behind each stretch of lines comes a seal, the XXH64 of all bytes since the seal
// before. The reader yields no line before its seal was verified.

import { hexOf } from '../digest/digest.js';
import { createXxh64, type Xxh64 } from '../digest/kernels/xxh64.js';
import { LmError } from '../errors.js';
import { byteLinesOf } from './lines.js';

export const SEALED_TYPE = 'application/x-ndjson';

/** Yields each chunk, which must end with a whole line, and its seal. */
export async function* sealed(chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const seal = createSealer();
  for await (const chunk of chunks) {
    const line = seal([chunk]); // before the yield: afterwards the chunk's buffer may hold other bytes
    yield chunk;
    yield line;
  }
}

/** Limit of a stretch: far more than an agent's chunk of 256 KiB, or its longest line of 16 MiB. */
const MAX_UNSEALED_BYTES = 32 << 20;
/** What the object of a line takes beside its bytes. */
const LINE_BYTES = 256;

/**
 * Yields the lines of each stretch as they were sent, without the seal. Lines after the last seal are not yielded. Throws `source` for bytes
 * that were changed on the way, where another try may succeed, and `protocol` for what is no text or never ends. `what` names the stream
 * in errors: `the listing`.
 */
export async function* verifiedLines(chunks: AsyncIterable<Uint8Array>, what: string): AsyncGenerator<Uint8Array[]> {
  const seal = createSealer();
  let stretch: Uint8Array[] = [];
  let bytes = 0;
  let verified = 0;
  for await (const line of byteLinesOf(chunks)) {
    if (line.length === SEAL_BYTES && BEGIN.equals(line.subarray(0, BEGIN.length))) {
      if (!seal(stretch).equals(line)) throw damaged(what, verified);
      if (stretch.length > 0) yield stretch;
      verified += bytes - stretch.length * LINE_BYTES + SEAL_BYTES;
      stretch = [];
      bytes = 0;
      continue;
    }
    stretch.push(line);
    bytes += line.length + LINE_BYTES;
    if (bytes > MAX_UNSEALED_BYTES)
      throw new LmError('protocol', `the source sent ${MAX_UNSEALED_BYTES >> 20} MiB of ${what} and no checksum`);
  }
}

const BEGIN = Buffer.from('{"type":"seal","xxh64":"');
const END = '"}\n';
const SEAL_BYTES = BEGIN.length + 16 + END.length;

/** Makes the seal of each stretch in turn. A seal covers the seal before it too, so that a stretch cannot go missing together with its seal. */
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

/** One hasher for all streams, since each stretch is hashed in one go: to create one takes a millisecond. */
let hash: Xxh64 | undefined;

/** `verified`: how many bytes of the answer had come as they were sent. */
const damaged = (what: string, verified: number): LmError =>
  new LmError('damaged-answer', `bytes of ${what} were damaged on the way`, {
    details: [`after byte ${verified} of them`],
    hint: 'run the same command again; if that does not help, something between the two hosts changes bytes',
  });
