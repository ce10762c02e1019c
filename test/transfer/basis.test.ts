import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { Disk, type OpenPart, partNameOf } from '../../src/disk/disk.js';
import type { Entry } from '../../src/files/entry.js';
import { type Journal, openJournal, readJournal } from '../../src/state/journal/journal.js';
import { createPartJournal } from '../../src/state/journal/part-journal.js';
import type { PartJournal } from '../../src/transfer/part-journal.js';
import { isOfUse, rangesOfBasis } from '../../src/transfer/parts/basis.js';
import { beginBigFile, endBigFile, RANGE_BYTES } from '../../src/transfer/parts.js';
import { fileEntry } from '../support/entries.js';

const MIB = 2 ** 20;
const KEY = 'data/0/t';
const listed = (size: number, mtimeNs: string, more: Partial<Entry> = {}): Entry =>
  fileEntry('t', { size: `${size}`, mtimeNs, ino: '6', ctimeNs: mtimeNs, ...more });
const state = (ctimeNs: string, blocks: number) => ({ ctimeNs, young: false, blocks: new Uint8Array(8 * blocks) });

describe('what is there of a basis', () => {
  test.each<[string, [number, number][], [number, number][], number, [number, number][]]>([
    [
      'what was proved and what was begun',
      [[0, 2]],
      [[4, 1]],
      9,
      [
        [0, 2],
        [4, 1],
      ],
    ],
    [
      'adjoining and overlapping ranges are one',
      [
        [0, 2],
        [2, 1],
      ],
      [[1, 3]],
      9,
      [[0, 4]],
    ],
    ['to the end of a file that is shorter now', [[0, 9]], [], 4.5, [[0, 4.5]]],
    ['none beyond it', [[5, 2]], [[7, 1]], 5, []],
    ['up to the block in which a file ended that is longer now', [[0, 2.25]], [], 9, [[0, 3]]],
    ['but not beyond the longer one', [[0, 2.25]], [], 2.5, [[0, 2.5]]],
  ])('%s', (_, done, begun, size, expected) => {
    const inBytes = (ranges: [number, number][]) => ranges.map(([a, b]): [number, number] => [a * MIB, b * MIB]);
    const ranges = rangesOfBasis({ done: inBytes(done), begun: inBytes(begun) }, size * MIB);
    expect(ranges.map(({ offset, length }) => [offset / MIB, length / MIB])).toEqual(expected);
  });
});

test('a part of another state is of use where hashes can be asked for, and the file is worth asking', () => {
  const known = { size: `${9 * MIB}`, mtimeNs: '5', ino: '6', partId: '7', done: [], begun: [] };
  expect(isOfUse(undefined, listed(9 * MIB, '5'), 'auto')).toBe(false);
  expect(isOfUse(known, listed(9 * MIB, '5', { ctimeNs: undefined }), 'auto')).toBe(true); // of this state
  expect(isOfUse(known, listed(9 * MIB, '8', { ctimeNs: undefined }), 'auto')).toBe(false);
  expect(isOfUse(known, listed(9 * MIB, '8'), 'auto')).toBe(true);
  expect(isOfUse(known, listed(9 * MIB, '8'), 'never')).toBe(false);
  expect(isOfUse(known, listed(9 * MIB, '5'), 'never')).toBe(true);
  expect(isOfUse(known, listed(9 * MIB, '5', { ino: '60' }), 'auto')).toBe(true);
  expect(isOfUse(known, listed(2 * MIB, '8'), 'auto')).toBe(true); // a bundle would take it
  expect(isOfUse(known, listed(MIB, '8'), 'auto')).toBe(false);
});

describe('on disk', () => {
  let dir: string;
  let records: string;
  let journal: Journal;
  let disk: Disk;
  const part = (): string => join(dir, partNameOf('t'));
  const nextRun = (): PartJournal => createPartJournal(journal, readJournal(records, 'b').parts);
  const begin = (run: PartJournal, entry: Entry) =>
    beginBigFile(disk, run, { dir: 'data/0', entry }, RANGE_BYTES, 'auto');

  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'lm-basis-'));
    records = mkdtempSync(join(tmpdir(), 'lm-basis-'));
    journal = openJournal(records);
    journal.append({ type: 'run-started', run: '1', command: 'copy', boot: 'b', source: 's' });
    disk = new Disk([{ key: 'data/0', type: 'data', index: 0, path: dir }], { canChown: false, umask: 0o022 });
  });
  afterEach(() => {
    disk.forgetDirectories();
    journal.close();
    for (const each of [dir, records]) rmSync(each, { recursive: true });
  });

  /** A part of 3 MiB, of which the first two are proved. */
  function leavePart(): void {
    const run = nextRun();
    const { partId } = begin(run, listed(3 * MIB, '5'));
    const { fd } = disk.reopenPart('data/0', 't', 3 * MIB, partId) as OpenPart;
    disk.write(fd, Buffer.alloc(3 * MIB, 'a'), 0, KEY);
    disk.close(fd, KEY);
    run.rangeBegun(KEY, { offset: 0, length: 3 * MIB });
    run.rangeDone(KEY, { offset: 0, length: 2 * MIB }, state('5', 2));
  }

  test.each([
    ['longer', 5.5],
    ['shorter', 1.5],
    ['as long', 3],
  ])('a part of a file that is %s now keeps its inode and bytes, and nothing of it is proved', (_, size) => {
    leavePart();
    const before = statSync(part());
    const bytes = size * MIB;
    const file = begin(nextRun(), listed(bytes, '8'));
    const after = statSync(part());
    expect([after.ino, after.size, after.mode & 0o777]).toEqual([before.ino, bytes, 0o600]);
    const both = Math.min(bytes, 3 * MIB);
    expect(readFileSync(part()).subarray(0, both).equals(Buffer.alloc(both, 'a'))).toBe(true);
    expect(file).toMatchObject({ bytesReused: 0, bytesHere: both });
    expect(file.remaining[0]).toEqual({ offset: 0, length: both, here: true });
    const known = nextRun().known(KEY)!; // as after a kill
    expect(known).toMatchObject({ size: `${bytes}`, mtimeNs: '8', done: [] });
    expect(known.begun).toEqual([[0, both]]);
  });

  test('nothing counts as proved of a part that a kill left between its record and its new size', () => {
    leavePart();
    const run = nextRun();
    const [{ size, mtimeNs, ino, partId }] = [run.known(KEY)!];
    run.started(KEY, listed(5 * MIB, '8'), partId);
    run.rangeBegun(KEY, { offset: 0, length: 3 * MIB });
    expect([size, mtimeNs, ino, statSync(part()).size]).toEqual([`${3 * MIB}`, '5', '6', 3 * MIB]);

    const next = begin(nextRun(), listed(5 * MIB, '8'));
    expect(statSync(part()).size).toBe(5 * MIB);
    expect(next.remaining).toEqual([
      { offset: 0, length: 3 * MIB, here: true },
      { offset: 3 * MIB, length: 2 * MIB },
    ]);
  });

  test('an older version that is published is compared, but one below a MiB is not worth it', () => {
    writeFileSync(join(dir, 't'), Buffer.alloc(MIB - 1));
    expect(begin(nextRun(), listed(3 * MIB, '5')).remaining).toEqual([{ offset: 0, length: 3 * MIB }]);
    writeFileSync(join(dir, 't'), Buffer.alloc(MIB + 1, 'a'));
    const { remaining, bytesCloned } = begin(nextRun(), listed(3 * MIB, '8'));
    expect(remaining.map(({ offset, length }) => [offset, length])).toEqual([
      [0, 2 * MIB],
      [2 * MIB, MIB],
    ]);
    expect(remaining[0]!.published !== undefined || bytesCloned > 0).toBe(true);
  });

  test('another file that has the name of the part is no basis', () => {
    leavePart();
    rmSync(part());
    writeFileSync(join(dir, 'other'), '');
    writeFileSync(part(), Buffer.alloc(3 * MIB, 'b'));
    const file = begin(nextRun(), listed(3 * MIB, '8'));
    expect(file.remaining).toEqual([{ offset: 0, length: 3 * MIB }]);
    expect(readFileSync(part()).equals(Buffer.alloc(3 * MIB))).toBe(true);
  });

  test('of a file that changed the part stays, and this run knows it again; of one that vanished it goes', () => {
    leavePart();
    const run = nextRun();
    const file = begin(run, listed(3 * MIB, '5'));
    run.rangeDone(KEY, { offset: 2 * MIB, length: MIB }, state('5', 1));
    const problem = { key: KEY, message: '' };
    const changed = { ...file, problem: { ...problem, result: 'changed' as const } };
    expect(endBigFile(disk, run, changed, () => {}, 'changed')).toMatchObject({
      problem: { result: 'changed' },
      bytesBasis: 3 * MIB,
    });
    expect(statSync(part()).size).toBe(3 * MIB);
    expect(run.known(KEY)).toMatchObject({ mtimeNs: '5', done: [[0, 3 * MIB, '5']] });

    const again = begin(run, listed(3 * MIB, '8'));
    expect(again.remaining).toEqual([{ offset: 0, length: 3 * MIB, here: true }]);
    const vanished = { ...again, problem: { ...problem, result: 'vanished' as const } };
    expect(endBigFile(disk, run, vanished, () => {}, 'changed')).not.toHaveProperty('bytesBasis');
    expect(() => statSync(part())).toThrow('ENOENT');
    expect(run.known(KEY)).toBeUndefined();
    expect(nextRun().known(KEY)).toBeUndefined();
  });
});
