import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { BLOCK_BYTES } from '../../src/digest/digest.js';
import { createXxh64 } from '../../src/digest/kernels/xxh64.js';
import { FRAME_HEAD_BYTES, TRAILER_STATUS, type TrailerStatus, writeFrameHead } from '../../src/wire/frames.js';
import { createSealedReader, readSeals, SEAL_BYTES, sealsBytes, writeSeal } from '../../src/wire/range-seals.js';

const hash = createXxh64();
const { asPromised, young, changed, failed } = TRAILER_STATUS;

/** As the contract describes it, built a second way: in one piece, a status for each block. */
function sealedFrame(bytes: Uint8Array, statuses: readonly TrailerStatus[], alone = false): Buffer {
  const pieces: Uint8Array[] = [writeFrameHead({ length: bytes.length })];
  for (const [i, status] of statuses.entries()) {
    const block = bytes.subarray(i * BLOCK_BYTES, (i + 1) * BLOCK_BYTES);
    hash.reset();
    hash.update(block);
    pieces.push(...(alone ? [] : [block]), writeSeal(status, hash.digest()));
  }
  return Buffer.concat(pieces);
}

/** Three blocks, the last of them short. */
const BYTES = Buffer.alloc(2 * BLOCK_BYTES + 77, 'a range of a file');
const SOUND = [asPromised, asPromised, asPromised];

interface Result {
  bytes: number;
  verified: [position: number, young: boolean][];
  end?: string;
  refused?: string;
  threw?: string;
  done: boolean;
}

function read(stream: Uint8Array, cuts: readonly number[] = [], length = BYTES.length): Result {
  const seen: Result = { bytes: 0, verified: [], done: false };
  const reader = createSealedReader(
    length,
    {
      refused(result, message) {
        seen.refused = `${result}: ${message}`;
      },
      bytes(chunk, position) {
        expect(position).toBe(seen.bytes);
        seen.bytes += chunk.length;
      },
      hole(bytes, position) {
        expect(position).toBe(seen.bytes);
        seen.bytes += bytes;
      },
      verified(position, young) {
        expect(position).toBe(seen.bytes);
        seen.verified.push([position, young]);
      },
      end(end) {
        seen.end = end;
      },
    },
    hash,
  );
  let from = 0;
  try {
    for (const cut of [...cuts, stream.length]) {
      const to = Math.max(from, Math.min(cut, stream.length));
      if (to > from) reader.push(stream.subarray(from, to));
      from = to;
    }
  } catch (error) {
    seen.threw = (error as { code: string }).code;
  }
  seen.done = reader.done();
  return seen;
}

describe('a sealed range', () => {
  test('is verified block by block, wherever it is cut', () => {
    const stream = sealedFrame(BYTES, SOUND);
    expect(stream.length).toBe(FRAME_HEAD_BYTES + BYTES.length + sealsBytes(BYTES.length));
    const whole = read(stream);
    expect(whole).toEqual({
      bytes: BYTES.length,
      verified: [BLOCK_BYTES, 2 * BLOCK_BYTES, BYTES.length].map((position) => [position, false]),
      end: 'as-promised',
      done: true,
    });
    fc.assert(
      fc.property(fc.array(fc.nat(stream.length), { maxLength: 6 }), (cuts) => {
        expect(
          read(
            stream,
            cuts.toSorted((a, b) => a - b),
          ),
        ).toEqual(whole);
      }),
      { numRuns: 20 },
    );
  });

  test.each([
    ['before the first seal', BLOCK_BYTES + FRAME_HEAD_BYTES, 0],
    ['within it', BLOCK_BYTES + FRAME_HEAD_BYTES + SEAL_BYTES - 1, 0],
    ['behind it', BLOCK_BYTES + FRAME_HEAD_BYTES + SEAL_BYTES, 1],
    ['before the last byte', FRAME_HEAD_BYTES + BYTES.length + sealsBytes(BYTES.length) - 1, 2],
  ])('that breaks off %s has verified the sealed blocks', (_, at, blocks) => {
    const seen = read(sealedFrame(BYTES, SOUND).subarray(0, at));
    expect(seen.verified.map(([position]) => position)).toEqual([BLOCK_BYTES, 2 * BLOCK_BYTES].slice(0, blocks));
    expect(seen).toMatchObject({ done: false });
    expect(seen.end).toBeUndefined();
  });

  test('with any bit flipped, in a body, a seal or a head, has no verified block from that block on', () => {
    const sound = sealedFrame(BYTES, SOUND);
    const sealedBytes = BLOCK_BYTES + SEAL_BYTES;
    const anywhere = fc.oneof(
      fc.nat(FRAME_HEAD_BYTES - 1),
      fc.nat(sound.length - 1),
      fc
        .tuple(fc.nat(1), fc.nat(SEAL_BYTES - 1))
        .map(([block, at]) => FRAME_HEAD_BYTES + block * sealedBytes + BLOCK_BYTES + at),
    );
    fc.assert(
      fc.property(anywhere, fc.nat(7), (at, bit) => {
        const stream = Buffer.from(sound);
        stream[at]! ^= 1 << bit;
        const seen = read(stream);
        const block = Math.floor((at - FRAME_HEAD_BYTES) / sealedBytes);
        expect(seen.verified.length).toBe(at < FRAME_HEAD_BYTES ? 0 : block);
        expect(seen.end).not.toBe('as-promised');
        if (at >= FRAME_HEAD_BYTES) expect(seen.end).toBe('damaged');
      }),
      { numRuns: 60 },
    );
  });

  test.each<[string, TrailerStatus[], [number, boolean][], string]>([
    [
      'young in the middle',
      [asPromised, young, asPromised],
      [
        [1, false],
        [2, true],
        [3, false],
      ],
      'young',
    ],
    ['changed before its second block', [asPromised, changed, changed], [[1, false]], 'changed'],
    ['of which a sector could not be read', [asPromised, failed, failed], [[1, false]], 'failed'],
    ['reported as sound again', [failed, asPromised, asPromised], [], 'failed'],
  ])('of a file that is %s', (_, statuses, blocks, end) => {
    const { verified, ...seen } = read(sealedFrame(BYTES, statuses));
    expect(verified).toEqual(blocks.map(([n, young]) => [Math.min(n * BLOCK_BYTES, BYTES.length), young]));
    expect(seen).toMatchObject({ end, done: true });
  });

  test('may be refused', () => {
    const refusal = writeFrameHead({ result: 'vanished', message: 'no such file' });
    expect(read(refusal)).toMatchObject({ refused: 'vanished: no such file', done: true, verified: [] });
    expect(read(writeFrameHead({ result: 'failed', message: '' }))).toMatchObject({ refused: 'failed: ', done: true });
  });

  test.each([
    ['another length', sealedFrame(BYTES.subarray(1), SOUND)],
    ['bytes behind its end', Buffer.concat([sealedFrame(BYTES, SOUND), Buffer.of(0)])],
    ['another kind of frame', Buffer.from([4, 1, 0, 0, 0, 0x61])],
  ])('with %s is no frame', (_, stream) => expect(read(stream)).toMatchObject({ threw: 'protocol' }));
});

describe('seals alone', () => {
  test('are those of the blocks', () => {
    const statuses = [asPromised, young, changed];
    const seals = readSeals(sealedFrame(BYTES, statuses, true), BYTES.length);
    hash.reset();
    hash.update(BYTES.subarray(BLOCK_BYTES, 2 * BLOCK_BYTES));
    expect(seals).toMatchObject([{ end: 'as-promised' }, { end: 'young' }, { end: 'changed' }]);
    expect(seals).toHaveProperty('[1].digest', expect.objectContaining(Buffer.from(hash.digest())));
  });

  test('may be refused', () =>
    expect(readSeals(Buffer.from(writeFrameHead({ result: 'changed', message: 'é' })), 1)).toEqual({
      result: 'changed',
      message: 'é',
    }));

  test('no flipped bit of a status makes a block as promised', () => {
    for (const status of [young, changed, failed])
      for (let bit = 0; bit < 8; bit++) {
        const body = sealedFrame(BYTES, [status, asPromised, asPromised], true);
        body[FRAME_HEAD_BYTES]! ^= 1 << bit;
        expect(readSeals(body, BYTES.length)).toMatchObject([{ end: 'damaged' }, {}, {}]);
      }
  });

  test.each([
    ['half a head', Buffer.alloc(3)],
    ['another length', sealedFrame(BYTES.subarray(1), SOUND, true)],
    ['bytes beside them', sealedFrame(BYTES, SOUND)],
    ['one too few', sealedFrame(BYTES, SOUND, true).subarray(0, -SEAL_BYTES)],
    ['half a message', Buffer.from(writeFrameHead({ result: 'failed', message: 'EIO' })).subarray(0, -1)],
  ])('with %s are refused', (_, body) => expect(() => readSeals(Buffer.from(body), BYTES.length)).toThrow('holds'));
});
