import { expect, test } from '@jest/globals';
import { countTotal, giveRoom, noCounts, noRoom, roomNeeded, takeRoom } from '../../src/plan/counts.js';
import { fileEntry } from '../support/entries.js';

const MIB = 2 ** 20;
const file = (bytes: number) => fileEntry('f', { size: `${bytes}` });
const MANY = 10;

test('a file with holes needs what it takes up at the source, and frees no more than that', () => {
  const counts = noCounts();
  const sparse = fileEntry('f', { size: `${400e9}`, allocated: 3 * MIB });
  takeRoom(counts, 'data/0', sparse, undefined);
  takeRoom(counts, 'data/0', sparse, file(400e9));
  expect(roomNeeded(counts.room.get('data/0')!, MANY)).toEqual({ bytes: 6 * MIB, inodes: 2 });
});

test('a commit log counts by what it takes up, as it is made in its full size', () => {
  const counts = noCounts();
  countTotal(counts, 'commitlog/0', fileEntry('CommitLog-7-1.log', { size: `${32 * MIB}`, allocated: 3 * MIB }));
  countTotal(counts, 'commitlog/0', fileEntry('CommitLog-7-2.log', { size: `${32 * MIB}` }));
  countTotal(counts, 'data/0/commitlog', fileEntry('x', { size: `${MIB}` }));
  expect(counts).toMatchObject({ commitLogBytes: 35 * MIB, total: { bytes: 65 * MIB } });
});

/** Of replacements `[old, new]` in MiB; an `old` of -1 stands for a file that is not here. */
function needed(pairs: readonly (readonly [number, number])[], concurrency = MANY): { bytes: number; inodes: number } {
  const counts = noCounts();
  for (const [before, after] of pairs)
    takeRoom(counts, 'data/0', file(after * MIB), before < 0 ? undefined : file(before * MIB));
  const { bytes, inodes } = roomNeeded(counts.room.get('data/0') ?? noRoom(), concurrency);
  return { bytes: bytes / MIB, inodes };
}

test.each([
  ['a new file', [[-1, 40]], MANY, 40, 1],
  ['a file that grows: its new size, for it stands beside the old one', [[1, 40]], MANY, 40, 1],
  ['a file that shrinks: its new size, until the old one goes', [[40, 1]], MANY, 1, 1],
  ['a rewrite of equal size: once more, and for one file at a time once', [[40, 40]], MANY, 40, 1],
  [
    'four of them one after the other',
    [
      [10, 10],
      [10, 10],
      [10, 10],
      [10, 10],
    ],
    1,
    10,
    1,
  ],
  [
    'four of them at once',
    [
      [10, 10],
      [10, 10],
      [10, 10],
      [10, 10],
    ],
    4,
    40,
    4,
  ],
  [
    'growth of all, and the old size of the one under way',
    [
      [10, 15],
      [10, 15],
    ],
    1,
    20,
    1,
  ],
  [
    'what shrinks pays for what grows',
    [
      [30, 10],
      [10, 20],
    ],
    1,
    20,
    1,
  ],
  ['nothing', [], MANY, 0, 0],
] as const)('%s', (_, pairs, concurrency, bytes, inodes) => {
  expect(needed(pairs, concurrency)).toEqual({ bytes, inodes });
});

test('what cleaning frees is counted apart, for a dry run', () => {
  const counts = noCounts();
  giveRoom(counts, 'data/0', file(5 * MIB));
  expect(counts.room.get('data/0')).toMatchObject({ bytes: 0, freedBytes: 5 * MIB, freedInodes: 1 });
});
