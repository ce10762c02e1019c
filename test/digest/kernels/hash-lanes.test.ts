import { createHash } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { createMD5, createXXHash32 } from 'hash-wasm';
import { createHashLanes, type HashLanes, LANE_BYTES, type Lane } from '../../../src/digest/kernels/hash-lanes.js';
import { MD5 } from '../../../src/digest/kernels/md5.js';
import { hasVectors } from '../../../src/digest/kernels/wasm.js';
import { XXH32 } from '../../../src/digest/kernels/xxh32.js';

const nodeMd5 = (message: Uint8Array): string => createHash('md5').update(message).digest('base64');

const xxh32 = await createXXHash32();
const wasmXxh32 = (message: Uint8Array): string => Number(`0x${xxh32.init().update(message).digest()}`).toString(16);

const HASHES = [
  { name: 'MD5', hashes: createHashLanes(MD5), expected: nodeMd5, other: 'Node' },
  { name: 'XXH32', hashes: createHashLanes(XXH32), expected: wasmXxh32, other: 'hash-wasm' },
];

/** Around the edges of blocks, of padding, of a lane's buffer and of 1 MiB. */
const EDGES = [
  0,
  1,
  3,
  4,
  15,
  16,
  17,
  31,
  32,
  55,
  56,
  63,
  64,
  65,
  119,
  120,
  127,
  128,
  LANE_BYTES - 9,
  LANE_BYTES - 1,
  LANE_BYTES,
  LANE_BYTES + 1,
];
const LONG_EDGES = [-64, -9, -1, 0, 1, 55, 56, 64].map((more) => (1 << 20) + more);

/** Bytes without a period that a misplaced block could hide behind. */
const RANDOM = Buffer.alloc(2 << 20);
for (let at = 0, word = 1; at < RANDOM.length; at += 4) {
  word = (Math.imul(word, 1664525) + 1013904223) | 0;
  RANDOM.writeInt32LE(word ^ (word >>> 15), at);
}
const message = (bytes: number, seed: number): Buffer => RANDOM.subarray(seed * 101, seed * 101 + bytes);

/** Hashes the messages side by side, as many as there are lanes, in pieces of at most so many bytes. */
function digestsOf(
  { lanes: all, memory, advance }: HashLanes,
  messages: readonly Buffer[],
  pieceBytes = LANE_BYTES,
  lanes = all,
): string[] {
  const digests: string[] = [];
  const waiting = messages.map((bytes, index) => ({ bytes, index }));
  const reading = new Map<Lane, { bytes: Buffer; index: number; at: number; isFinished: boolean }>();
  const feed = (lane: Lane): boolean => {
    while (lane.blocks() === 0) {
      const now = reading.get(lane);
      if (now?.isFinished) {
        digests[now.index] = lane.digest();
        reading.delete(lane);
      } else if (now) {
        const piece = now.bytes.subarray(now.at, now.at + pieceBytes);
        piece.copy(memory, lane.room());
        lane.filled(piece.length);
        now.at += piece.length;
        now.isFinished = now.at === now.bytes.length;
        if (now.isFinished) lane.finish();
      } else {
        const next = waiting.shift();
        if (!next) return false;
        lane.begin();
        reading.set(lane, { ...next, at: 0, isFinished: false });
      }
    }
    return true;
  };
  for (;;) {
    const busy = lanes.filter(feed);
    if (busy.length === 0) return digests;
    advance(busy);
  }
}

test('this machine has vectors, or these tests prove nothing', () => {
  expect(hasVectors()).toBe(true);
});

describe.each(HASHES)('$name in lanes is that of $other', ({ hashes, expected }) => {
  test.each([...EDGES, ...LONG_EDGES])('of %i bytes, alone', (bytes) => {
    const one = message(bytes, bytes);
    expect(digestsOf(hashes, [one])).toEqual([expected(one)]);
  });

  test.each([2, 3, 4, 5, 6, 7, 8])('of %i messages of one length', (count) => {
    const messages = Array.from({ length: count }, (_, i) => message(1000, i));
    expect(digestsOf(hashes, messages)).toEqual(messages.map(expected));
  });

  test('of all edges at once', () => {
    const messages = [...EDGES, ...LONG_EDGES].map((bytes, i) => message(bytes, i));
    expect(digestsOf(hashes, messages)).toEqual(messages.map(expected));
  });

  test('of each byte more, through three blocks', () => {
    const messages = Array.from({ length: 200 }, (_, bytes) => message(bytes, 7));
    expect(digestsOf(hashes, messages)).toEqual(messages.map(expected));
  });

  const near = (edge: number) => fc.integer({ min: -10, max: 10 }).map((more) => Math.max(0, edge + more));
  const lengths = fc.oneof(
    fc.constantFrom(...EDGES),
    ...[64, 128, 4096, LANE_BYTES, 2 * LANE_BYTES].map(near),
    fc.nat(5000),
  );

  test('of any messages in any lanes, in pieces of any length', () => {
    fc.assert(
      fc.property(
        fc.array(lengths, { minLength: 1, maxLength: 24 }),
        fc.oneof(fc.constant(LANE_BYTES), fc.integer({ min: 17, max: 300 })),
        fc.subarray([...hashes.lanes], { minLength: 1 }),
        (sizes, pieceBytes, lanes) => {
          const messages = sizes.map((bytes, i) => message(bytes, i + 1));
          expect(digestsOf(hashes, messages, pieceBytes, lanes)).toEqual(messages.map(expected));
        },
      ),
      { numRuns: 60 },
    );
  });
});

test('hash-wasm, which replaces the lanes where there are none, has the same MD5', async () => {
  const other = await createMD5();
  const messages = EDGES.map((bytes, i) => message(bytes, i));
  const digests = messages.map((one) => Buffer.from(other.init().update(one).digest('binary')).toString('base64'));
  expect(digestsOf(HASHES[0]!.hashes, messages)).toEqual(digests);
});

test('the length of a message of more than 512 MiB is counted in full', () => {
  const md5 = HASHES[0]!.hashes;
  const lane = md5.lanes[0]!;
  lane.begin();
  for (let bytes = 0; bytes <= 512 << 20; bytes += LANE_BYTES) {
    const room = lane.room();
    md5.memory.fill(0, room, room + LANE_BYTES);
    lane.filled(LANE_BYTES);
    md5.advance([lane]);
  }
  lane.finish();
  md5.advance([lane]);
  expect(lane.digest()).toBe('PASRMwm+Hki7NiC6Za4H6A=='); // head -c 536936448 /dev/zero | md5sum
});
