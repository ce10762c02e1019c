import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { missingRanges, RANGE_BYTES, rangeBytesFor } from '../../src/pull/parts.js';

const MiB = 1024 * 1024;

describe('the ranges still to be fetched', () => {
  test.each([
    [
      'all of a file',
      100 * MiB,
      [],
      [
        [0, 64],
        [64, 36],
      ],
    ],
    ['the second half', 100 * MiB, [[0, 64]], [[64, 36]]],
    [
      'a hole',
      200 * MiB,
      [
        [128, 64],
        [0, 64],
      ],
      [
        [64, 64],
        [192, 8],
      ],
    ],
    ['nothing', 64 * MiB, [[0, 64]], []],
    [
      'what a shorter range left',
      100 * MiB,
      [[0, 10]],
      [
        [10, 54],
        [64, 36],
      ],
    ],
  ])('%s', (_, bytes, done, expected) => {
    const inMiB = missingRanges(
      bytes,
      done.map(([o, l]) => [o! * MiB, l! * MiB] as const),
      RANGE_BYTES,
    );
    expect(inMiB.map(({ offset, length }) => [offset / MiB, length / MiB])).toEqual(expected);
  });

  test('with what was done cover the file exactly, none longer than a unit', () => {
    const range = fc.tuple(fc.nat(400), fc.integer({ min: 1, max: 100 }));
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 500 * MiB }), fc.array(range, { maxLength: 5 }), (bytes, ranges) => {
        const done = ranges.map(([o, l]) => [o * MiB, l * MiB] as const);
        let missing = 0;
        for (const { offset, length } of missingRanges(bytes, done, RANGE_BYTES)) {
          expect(length).toBeLessThanOrEqual(RANGE_BYTES);
          expect(offset % MiB).toBe(0);
          expect(offset + length).toBeLessThanOrEqual(bytes);
          expect(done.some(([o, l]) => offset < o + l && o < offset + length)).toBe(false);
          missing += length;
        }
        const held = new Set<number>();
        for (const [o, l] of done) for (let at = o; at < Math.min(bytes, o + l); at += MiB) held.add(at);
        const heldBytes = [...held].reduce((sum, at) => sum + Math.min(MiB, bytes - at), 0);
        expect(missing + heldBytes).toBe(bytes);
      }),
      { numRuns: 300 },
    );
  });
});

test.each([
  [1, 10, 8],
  [100 * MiB, 10, 10],
  [640 * MiB, 10, 64],
  [641 * MiB, 10, 33],
  [1024 * MiB, 10, 52],
  [4096 * MiB, 10, 59],
  [1024 * MiB, 1, 64],
])('%d bytes over %d connections go in units of %d MiB', (bytes, connections, expected) => {
  expect(rangeBytesFor(bytes, connections) / MiB).toBe(expected);
});

test('units are never longer than a range may be, and leave no connection without its share', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 2 ** 45 }), fc.integer({ min: 1, max: 64 }), (bytes, connections) => {
      const unit = rangeBytesFor(bytes, connections);
      expect(unit <= RANGE_BYTES && unit % MiB === 0).toBe(true);
      const rounds = Math.ceil(Math.ceil(bytes / unit) / connections);
      expect(rounds).toBe(Math.ceil(bytes / (connections * RANGE_BYTES)));
    }),
  );
});
