import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { BLOCK_BYTES } from '../../src/digest/digest.js';
import { createXxh64 } from '../../src/digest/kernels/xxh64.js';
import {
  FRAME_HEAD_BYTES,
  MAX_RANGE_BYTES,
  MAX_SPARSE_BYTES,
  readFetchRequest,
  TRAILER_STATUS,
  writeFetchRequest,
  writeFrameHead,
} from '../../src/wire/frames.js';
import { BLOCK_KIND, createSealedReader, sealsOfHole, writeSeal } from '../../src/wire/range-seals.js';
import { fuzz } from '../support/fuzz.js';

const hash = createXxh64();
const { asPromised } = TRAILER_STATUS;
const REST = 77;

/** A frame as the agent makes it, of blocks and holes, the last of them short. */
function frame(holes: readonly boolean[]): { stream: Buffer; content: Buffer } {
  const length = holes.length * BLOCK_BYTES - BLOCK_BYTES + REST;
  const content = Buffer.alloc(length, 'a range with holes');
  const pieces: Uint8Array[] = [writeFrameHead({ length })];
  for (const [i, hole] of holes.entries()) {
    const [start, end] = [i * BLOCK_BYTES, Math.min(length, (i + 1) * BLOCK_BYTES)];
    if (hole) {
      content.fill(0, start, end);
      pieces.push(sealsOfHole(start, end, asPromised, 'with-kinds'));
      continue;
    }
    const block = content.subarray(start, end);
    hash.update(block);
    pieces.push(Uint8Array.of(BLOCK_KIND.bytes), block, writeSeal(asPromised, hash.digest()));
  }
  return { stream: Buffer.concat(pieces), content };
}

function read(stream: Uint8Array, requested: number, cuts: readonly number[] = []) {
  const seen = { content: Buffer.alloc(requested, 'never written'), verified: 0, end: '', threw: '', done: false };
  const reader = createSealedReader(
    requested,
    {
      refused: () => {},
      bytes: (chunk, position) => void seen.content.set(chunk, position),
      hole: (bytes, position) => void seen.content.fill(0, position, position + bytes),
      verified(position) {
        seen.verified = position;
      },
      end(end) {
        seen.end = end;
      },
    },
    hash,
    true,
  );
  let from = 0;
  try {
    for (const to of [...cuts, stream.length]) {
      if (to > from) reader.push(stream.subarray(from, to));
      from = to;
    }
  } catch (error) {
    seen.threw = (error as { code: string }).code;
  }
  seen.done = reader.done();
  return seen;
}

const anyHoles = fc.array(fc.boolean(), { minLength: 1, maxLength: 4 });

describe('a sparse range', () => {
  test('is what was sent, wherever it is cut', () => {
    fc.assert(
      fc.property(anyHoles, fc.array(fc.nat(5 * BLOCK_BYTES), { maxLength: 6 }), (holes, some) => {
        const { stream, content } = frame(holes);
        const cuts = some.filter((cut) => cut < stream.length).toSorted((a, b) => a - b);
        const seen = read(stream, content.length, cuts);
        expect(seen.content.equals(content)).toBe(true);
        expect(seen).toMatchObject({ verified: content.length, end: 'as-promised', threw: '', done: true });
      }),
      { numRuns: 20 },
    );
  });

  test('may be shorter than requested, by whole blocks', () => {
    const { stream } = frame([true, false, true]);
    const short = Buffer.concat([
      writeFrameHead({ length: 2 * BLOCK_BYTES }),
      stream.subarray(FRAME_HEAD_BYTES, stream.length - 10),
    ]);
    expect(read(short, 5 * BLOCK_BYTES)).toMatchObject({ verified: 2 * BLOCK_BYTES, end: 'as-promised', done: true });
    for (const length of [0, 1, 2 * BLOCK_BYTES + 1, 6 * BLOCK_BYTES])
      expect(read(writeFrameHead({ length }), 5 * BLOCK_BYTES)).toMatchObject({ threw: 'protocol', verified: 0 });
  });

  test('with any bit flipped has no wrong block that is verified', () => {
    fc.assert(
      fc.property(anyHoles, fc.nat(), fc.nat(7), fc.boolean(), (holes, position, bit, atKind) => {
        const { stream, content } = frame(holes);
        const firstKind = FRAME_HEAD_BYTES;
        const at = atKind ? firstKind : position % stream.length;
        stream[at]! ^= 1 << bit;
        const { verified, end, ...seen } = read(stream, content.length);
        expect(seen.content.subarray(0, verified).equals(content.subarray(0, verified))).toBe(true);
        expect(end).not.toBe('as-promised');
        if (at >= FRAME_HEAD_BYTES) expect(end).toBe('damaged');
      }),
      fuzz(180),
    );
  });

  test('with a hole said to be bytes, or bytes said to be a hole, has nothing that is verified', () => {
    for (const [holes, end] of [
      [[true, false, false], 'damaged'],
      [[false, true], 'damaged'],
      [[true, true], ''], // the bytes that should follow do not come
    ] as const) {
      const { stream, content } = frame(holes);
      stream[FRAME_HEAD_BYTES] = holes[0] ? BLOCK_KIND.bytes : BLOCK_KIND.hole;
      expect(read(stream, content.length)).toMatchObject({ verified: 0, end });
    }
  });
});

test.each([
  ['sparse', MAX_SPARSE_BYTES, true],
  ['sparse', MAX_SPARSE_BYTES + 1, false],
  ['behind-blocks', MAX_RANGE_BYTES, true],
  ['behind-blocks', MAX_RANGE_BYTES + 1, false],
] as const)('a range with seals %s may be %d bytes long: %s', (seals, length, allowed) => {
  const dirs: [[string, [[string, string, string, string]]]] = [['data/0', [['f', `${2 ** 40}`, '1', '2']]]];
  const body = writeFetchRequest({ kind: 'range', seals, offset: 0, length, dirs });
  if (allowed) expect(readFetchRequest(body)).toMatchObject({ seals, length });
  else expect(() => readFetchRequest(body)).toThrow(expect.objectContaining({ code: 'protocol' }));
});
