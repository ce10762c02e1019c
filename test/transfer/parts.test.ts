import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import {
  cutUnit,
  isOtherState,
  type KnownPart,
  type Left,
  leftOf,
  RANGE_BYTES,
  rangeBytesFor,
} from '../../src/transfer/parts.js';
import { createUnitSize } from '../../src/transfer/unit-size.js';

const MiB = 1024 * 1024;

type Done = KnownPart['done'][number];

const inMiB = (ranges: Left[]) =>
  ranges.map(({ offset, length, here }) => [offset / MiB, length / MiB, ...(here ? ['here'] : [])]);

test('that bytes were read under another ctime than those before them is noticed once', () => {
  const file: { ctimeNs?: string } = {};
  expect(['7', '7', '8', '8', '7'].map((ctimeNs) => isOtherState(file, { ctimeNs }))).toEqual([
    ...[false, false, true, false, true],
  ]);
  expect(isOtherState({ ctimeNs: '6' }, { ctimeNs: '7' })).toBe(true); // of the listing
});

describe('what is left of a file', () => {
  const ranges = (...some: [offset: number, length: number, ctimeNs?: string][]): Done[] =>
    some.map(([offset, length, ...ctimeNs]) => [offset * MiB, length * MiB, ...ctimeNs]);

  test.each<[string, number, Done[], Done[], string | undefined, unknown[][]]>([
    ['all of it', 100, [], [], '7', [[0, 100]]],
    ['the second half', 100, ranges([0, 64]), [], undefined, [[64, 36]]],
    [
      'a hole',
      200,
      ranges([128, 64], [0, 64]),
      [],
      undefined,
      [
        [64, 64],
        [192, 8],
      ],
    ],
    ['nothing', 64, ranges([0, 64, '7']), [], '7', []],
    [
      'under another ctime, what the source’s hashes are to decide, and then the rest',
      100,
      ranges([0, 10, '6'], [20, 5, '7']),
      [],
      '7',
      [
        [0, 10, 'here'],
        [10, 10],
        [25, 75],
      ],
    ],
    ['of a source that tells no ctime, what is not proved', 100, ranges([0, 10, '6']), [], undefined, [[10, 90]]],
    ['of ranges whose ctime nobody told, what is not proved', 100, ranges([0, 10]), [], '7', [[10, 90]]],
    [
      'what was begun, to be compared as far as it is not proved',
      100,
      ranges([0, 3, '7']),
      ranges([0, 8], [50, 8]),
      '7',
      [
        [3, 5, 'here'],
        [50, 8, 'here'],
        [8, 42],
        [58, 42],
      ],
    ],
    ['what was begun, where nothing can be compared', 100, [], ranges([0, 8]), undefined, [[0, 100]]],
    [
      'what was begun beyond its end',
      10,
      [],
      ranges([8, 8]),
      '7',
      [
        [8, 2, 'here'],
        [0, 8],
      ],
    ],
  ])('%s', (_, bytes, done, begun, ctimeNs, expected) => {
    const known = { done, begun: begun.map(([offset, length]): [number, number] => [offset, length]) };
    expect(inMiB(leftOf(bytes * MiB, known, ctimeNs).left)).toEqual(expected);
  });

  test('with what counts covers the file exactly, in whatever pieces it is handed out', () => {
    const range = fc.tuple(fc.nat(400), fc.integer({ min: 1, max: 100 }), fc.constantFrom('6', '7', undefined));
    const some = fc.array(range, { maxLength: 5 });
    const size = fc.integer({ min: 1, max: 500 * MiB });
    fc.assert(
      fc.property(size, some, some, fc.integer({ min: 1, max: 80 }), (bytes, proved, begun, unit) => {
        const known = {
          done: proved.map(([o, l, ctimeNs]): Done => (ctimeNs ? [o * MiB, l * MiB, ctimeNs] : [o * MiB, l * MiB])),
          begun: begun.map(([o, l]): [number, number] => [o * MiB, l * MiB]),
        };
        const { left, bytesReused } = leftOf(bytes, known, '7');
        const held = new Set<number>();
        for (const [o, l, ctimeNs] of known.done)
          if (ctimeNs !== '6') for (let at = o; at < Math.min(bytes, o + l); at += MiB) held.add(at);
        expect(bytesReused).toBe([...held].reduce((sum, at) => sum + Math.min(MiB, bytes - at), 0));
        const file = { left, unitBytes: 64 * MiB, pending: 0 };
        for (let next = cutUnit(file, unit * MiB); next; next = cutUnit(file, unit * MiB)) {
          expect(next.length).toBeLessThanOrEqual(next.here ? RANGE_BYTES : Math.min(unit, 64) * MiB);
          expect(next.offset % MiB).toBe(0);
          expect(next.offset + next.length).toBeLessThanOrEqual(bytes);
          for (let at = next.offset; at < next.offset + next.length; at += MiB) {
            expect(held.has(at)).toBe(false);
            held.add(at);
          }
        }
        expect(held.size).toBe(Math.ceil(bytes / MiB));
      }),
      { numRuns: 300 },
    );
  });
});

describe('a unit', () => {
  test('is 1 MiB before anything is known, and then four seconds’ worth', () => {
    const size = createUnitSize();
    expect(size.bytes()).toBe(MiB);
    size.note(3 * MiB, 1_500);
    expect(size.bytes()).toBe(8 * MiB);
    for (let i = 0; i < 20; i++) size.note(MiB, 8_000);
    expect(size.bytes()).toBe(MiB);
    size.note(64 * MiB, 20); // loopback, from one unit on
    expect(size.bytes()).toBeGreaterThanOrEqual(5 * MiB);
    for (let i = 0; i < 20; i++) size.note(64 * MiB, 20);
    expect(size.bytes()).toBeGreaterThan(RANGE_BYTES);
  });

  test('that brought nothing says nothing of the line', () => {
    const size = createUnitSize();
    size.note(8 * MiB, 1_000);
    size.note(0, 60_000);
    expect(size.bytes()).toBe(32 * MiB);
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
