import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { type Row, S_IFDIR, S_IFLNK, S_IFREG } from '../../src/files/entry.js';
import { type ComparePolicy, compareRows } from '../../src/pull/compare.js';
import { batchesOf } from '../../src/pull/verify.js';

const FILE: Row = ['f', '6', '1731000001456000007', S_IFREG | 0o644, '7', 0, 0];
const DIR: Row = ['d', '0', '1731000001456000007', S_IFDIR | 0o755, '8', 0, 0];
const LINK: Row = ['l', '1', '1731000001456000007', S_IFLNK | 0o777, '9', 0, 0, 'f'];

/** As a Sidecar tells it. */
const told = ([name, size, mtimeNs, mode]: Row): Row => [
  name,
  size,
  `${mtimeNs.slice(0, -6)}000000`,
  mode & 0o170000,
  '0',
  null,
  null,
];

const LM: ComparePolicy = { unit: 'us', owners: true };
const SIDECAR: ComparePolicy = { unit: 'ms', owners: true };

const but = (row: Row, changes: Record<number, string | number>): Row => Object.assign([...row], changes) as Row;
const reasons = (source: Row, local: Row, policy: ComparePolicy): string[] =>
  compareRows(source, local, policy).map(({ reason }) => reason);

describe('two rows of one entry', () => {
  test.each<[string, Row, Row, ComparePolicy, string[]]>([
    ['a file and itself', FILE, FILE, LM, []],
    ['another inode', FILE, but(FILE, { 4: '70' }), LM, []],
    ['another size', FILE, but(FILE, { 1: '7' }), LM, ['size']],
    ['a time that differs below a microsecond', FILE, but(FILE, { 2: '1731000001456000999' }), LM, []],
    ['a time that differs by a microsecond', FILE, but(FILE, { 2: '1731000001456001000' }), LM, ['mtime']],
    ['all that can differ', FILE, ['f', '7', '1', S_IFREG | 0o600, '1', 1, 0], LM, ['size', 'mtime', 'mode', 'owner']],
    ['a setuid bit', FILE, but(FILE, { 3: S_IFREG | 0o4644 }), LM, ['mode']],
    ['another group', FILE, but(FILE, { 6: 5 }), LM, ['owner']],
    ['another owner nobody could set', FILE, but(FILE, { 5: 5 }), { unit: 'us', owners: false }, []],
    ['another kind, and then nothing else counts', FILE, but(DIR, { 2: '1' }), LM, ['type']],
    ['a link where a file was', FILE, LINK, LM, ['type']],
    ['a directory of another time', DIR, but(DIR, { 2: '1' }), LM, []],
    ['a directory of another mode', DIR, but(DIR, { 3: S_IFDIR | 0o700 }), LM, ['mode']],
    ['a link of another time and mode', LINK, but(LINK, { 2: '1', 3: S_IFLNK }), LM, []],
    ['a link that leads elsewhere', LINK, but(LINK, { 7: 'g' }), LM, ['link-target']],
    ['what a Sidecar tells', told(FILE), FILE, SIDECAR, []],
    ['what a Sidecar tells of another mode and owner', told(FILE), but(FILE, { 3: S_IFREG, 5: 5 }), SIDECAR, []],
    [
      'a millisecond more than a Sidecar tells',
      told(FILE),
      but(FILE, { 2: '1731000001457000000' }),
      SIDECAR,
      ['mtime'],
    ],
  ])('%s', (_, source, local, policy, expected) => {
    expect(reasons(source, local, policy)).toEqual(expected);
  });

  test('both values are told, as people read them', () => {
    const other: Row = ['f', '7', '-1', S_IFREG | 0o600, '1', 1, 0];
    expect(compareRows(FILE, other, LM)).toEqual([
      { reason: 'size', source: '6', destination: '7' },
      { reason: 'mtime', source: '2024-11-07T17:20:01.456000007Z', destination: '1969-12-31T23:59:59.999999999Z' },
      { reason: 'mode', source: '0644', destination: '0600' },
      { reason: 'owner', source: '0:0', destination: '1:0' },
    ]);
  });

  test('the latest and the earliest time a listing can tell have a date', () => {
    const [late] = compareRows(FILE, but(FILE, { 2: '99999999999999999999' }), LM);
    expect(late!.destination).toBe('5138-11-16T09:46:39.999999999Z');
    const [early] = compareRows(FILE, but(FILE, { 2: '-99999999999999999999' }), LM);
    expect(early!.destination).toBe('-001199-02-15T14:13:20.000000001Z');
  });
});

test('law: batches hold every pair once, in order, and stay within their limits unless one file alone is larger', () => {
  const pair = fc.integer({ min: 1, max: 100 }).map((size) => {
    const row = but(FILE, { 1: `${size}` });
    return { dir: 'data/0', source: row, local: row };
  });
  const limits = fc.record({ files: fc.integer({ min: 1, max: 5 }), bytes: fc.integer({ min: 0, max: 150 }) });
  fc.assert(
    fc.property(fc.array(pair), limits, (pairs, limit) => {
      const batches = [...batchesOf(pairs, limit)];
      expect(batches.flat()).toEqual(pairs);
      for (const batch of batches) {
        expect(batch.length).toBeGreaterThan(0);
        expect(batch.length).toBeLessThanOrEqual(limit.files);
        const bytes = batch.reduce((sum, { source }) => sum + Number(source[1]), 0);
        if (batch.length > 1) expect(bytes).toBeLessThanOrEqual(limit.bytes);
      }
    }),
    { seed: 3 },
  );
});
