import { readdirSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { Disk, partNameOf } from '../../src/disk/disk.js';
import type { KnownPart, PartJournal } from '../../src/transfer/part-journal.js';
import type { RemainingRange } from '../../src/transfer/parts/remaining.js';
import { beginBigFile, cutUnit, RANGE_BYTES, rangeBytesFor, remainingOf, spanOf } from '../../src/transfer/parts.js';
import { createUnitSize } from '../../src/transfer/unit-size.js';
import { fileEntry } from '../support/entries.js';
import { sandbox } from '../support/sandbox.js';

const MiB = 1024 * 1024;

type Done = KnownPart['done'][number];

const inMiB = (ranges: RemainingRange[]) =>
  ranges.map(({ offset, length, here }) => [offset / MiB, length / MiB, ...(here ? ['here'] : [])]);

test('a unit of a file with holes is longer, for about as much data', () => {
  const span = (size: number, allocated: number | undefined, bytes: number) =>
    spanOf({ size: `${size * MiB}`, allocated: allocated === undefined ? undefined : allocated * MiB }, bytes * MiB) /
    MiB;
  expect(span(1000, undefined, 8)).toBe(8);
  expect(span(1000, 500, 8)).toBe(16);
  expect(span(1000, 999, 8)).toBe(8);
  expect(span(1000, 0.4, 8)).toBe(2048);
  expect(span(1000, 0, 1)).toBe(2048);
  expect(span(1000, 70, 1)).toBe(14);
});

test('the part of a file that cannot be begun is closed', () => {
  const path = sandbox().destination.write('data', {});
  const disk = new Disk([{ key: 'data/0', type: 'data', index: 0, path }], { canChown: false, umask: 0o022 });
  const full = {
    known: () => undefined,
    started() {
      throw new Error('ENOSPC');
    },
  } as unknown as PartJournal;
  const file = { dir: 'data/0', entry: fileEntry('big', { size: `${9 * MiB}` }) };
  expect(() => beginBigFile(disk, full, file, RANGE_BYTES, 'never')).toThrow('ENOSPC');
  expect(readdirSync(path)).toEqual([partNameOf('big')]);
  expect(openFiles()).not.toContain(join(path, partNameOf('big')));
  disk.forgetDirectories();
});

function openFiles(): string[] {
  return readdirSync('/proc/self/fd').flatMap((fd) => {
    try {
      return [readlinkSync(`/proc/self/fd/${fd}`)];
    } catch {
      return []; // that of the directory which was read
    }
  });
}

describe('what remains of a file', () => {
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
    ['of a source that sends no ctime, what is not proved', 100, ranges([0, 10]), [], undefined, [[10, 90]]],
    ['all, of one that sends none any more', 100, ranges([0, 10, '6']), ranges([0, 10]), undefined, [[0, 100]]],
    ['of ranges without a ctime, what is not proved', 100, ranges([0, 10]), [], '7', [[10, 90]]],
    [
      'all, to be compared, where no ctime proves anything',
      100,
      ranges([0, 10, '0'], [10, 10]),
      ranges([30, 10]),
      '0',
      [
        [0, 20, 'here'],
        [30, 10, 'here'],
        [20, 10],
        [40, 60],
      ],
    ],
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
    expect(inMiB(remainingOf(bytes * MiB, known, ctimeNs).remaining)).toEqual(expected);
  });

  test('and what counts cover the file exactly, whatever the length of units', () => {
    const range = fc.tuple(fc.nat(400), fc.integer({ min: 1, max: 100 }), fc.constantFrom('6', '7', undefined));
    const some = fc.array(range, { maxLength: 5 });
    const size = fc.integer({ min: 1, max: 500 * MiB });
    fc.assert(
      fc.property(size, some, some, fc.integer({ min: 1, max: 80 }), (bytes, proved, begun, unit) => {
        const known = {
          done: proved.map(([o, l, ctimeNs]): Done => (ctimeNs ? [o * MiB, l * MiB, ctimeNs] : [o * MiB, l * MiB])),
          begun: begun.map(([o, l]): [number, number] => [o * MiB, l * MiB]),
        };
        const { remaining, bytesReused } = remainingOf(bytes, known, '7');
        const held = new Set<number>();
        for (const [o, l, ctimeNs] of known.done)
          if (ctimeNs !== '6') for (let at = o; at < Math.min(bytes, o + l); at += MiB) held.add(at);
        expect(bytesReused).toBe([...held].reduce((sum, at) => sum + Math.min(MiB, bytes - at), 0));
        const file = { entry: fileEntry('f'), remaining, unitBytes: 64 * MiB, pending: 0 };
        let twice = 0;
        for (let next = cutUnit(file, unit * MiB); next; next = cutUnit(file, unit * MiB)) {
          expect(next.length).toBeLessThanOrEqual(next.here ? RANGE_BYTES : Math.min(unit, 64) * MiB);
          expect(next.offset % MiB).toBe(0);
          expect(next.offset + next.length).toBeLessThanOrEqual(bytes);
          for (let at = next.offset; at < next.offset + next.length; at += MiB) {
            if (held.has(at)) twice++;
            held.add(at);
          }
        }
        expect([held.size, twice]).toEqual([Math.ceil(bytes / MiB), 0]);
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

  test('without bytes does not change the next one', () => {
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

test('units are never longer than a range may be, and every connection gets its share', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 2 ** 45 }), fc.integer({ min: 1, max: 64 }), (bytes, connections) => {
      const unit = rangeBytesFor(bytes, connections);
      expect(unit <= RANGE_BYTES && unit % MiB === 0).toBe(true);
      const rounds = Math.ceil(Math.ceil(bytes / unit) / connections);
      expect(rounds).toBe(Math.ceil(bytes / (connections * RANGE_BYTES)));
    }),
  );
});
