import { mkdirSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { describeMarks, isSameDirectory, marksOf, type ReportedMarks } from '../../src/files/directory-marks.js';
import { sandbox } from '../support/sandbox.js';
import { dir } from '../support/tree.js';

const marks = (more: Partial<ReportedMarks> = {}): ReportedMarks => ({
  ino: '2',
  birthNs: '5',
  top: { a: '11', b: '12', c: '13' },
  ...more,
});
const unborn = (top: Record<string, string>): ReportedMarks => marks({ birthNs: '0', top });

describe('whether two marks are of one directory', () => {
  test.each<[string, ReportedMarks, ReportedMarks, boolean]>([
    ['as it was', marks(), marks(), true],
    ['of another inode', marks(), marks({ ino: '3' }), false],
    ['of another birth', marks(), marks({ birthNs: '6' }), false],
    ['with more in it', marks({ top: {} }), marks(), true],
    ['with all gone that was in it', marks(), marks({ top: {} }), true],
    ['with one restored from elsewhere', marks(), marks({ top: { a: '99', b: '12', c: '13' } }), true],
    ['with the only one restored from elsewhere', marks({ top: { a: '11' } }), marks({ top: { a: '91' } }), true],
    ['of a copied disk image, filled on its own', marks(), marks({ top: { a: '91', b: '92', c: '13' } }), false],
    ['of no birth, with most still there', unborn({ a: '11', b: '12', c: '13' }), unborn({ a: '11', b: '12' }), true],
    ['of no birth, with the only one gone', unborn({ a: '11' }), unborn({ b: '12' }), true],
    ['of no birth, with most gone', unborn({ a: '11', b: '12', c: '13' }), unborn({ a: '11' }), false],
    ['of no birth and empty before', unborn({}), unborn({ a: '11' }), true],
    ['of a birth that is not kept any more', marks(), unborn({ a: '11', b: '12', c: '13' }), true],
    ['a name that every object has', unborn({ constructor: '11', b: '12' }), unborn({ b: '12' }), true],
  ])('%s', (_, known, seen, same) => expect(isSameDirectory(known, seen)).toBe(same));

  test('is decided by the device number where an older lm recorded the inode alone', () => {
    const old = { ino: '2', dev: '10' };
    expect(isSameDirectory(old, { ...marks(), dev: '10' })).toBe(true);
    expect(isSameDirectory(old, { ...marks(), dev: '11' })).toBe(false);
    expect(isSameDirectory({ ino: '2' }, { ino: '2' })).toBe(true);
  });
});

test('marks are read from the disk', () => {
  const { source } = sandbox();
  const path = source.write('data', { b: dir({}), a: dir({}), f: 'f' });
  const found = () => marksOf(path, statSync(path, { bigint: true }));
  const before = found();
  const ino = (name: string) => `${statSync(join(path, name), { bigint: true }).ino}`;
  expect(before).toEqual({ ino: ino('.'), birthNs: expect.stringMatching(/^\d+$/), top: { a: ino('a'), b: ino('b') } });
  for (const name of ['a', 'b']) {
    renameSync(join(path, name), join(path, `.${name}`)); // so that its inode is not used again
    mkdirSync(join(path, name));
  }
  expect(isSameDirectory(before, found())).toBe(false);
  for (let i = 0; i < 1_000; i++) writeFileSync(join(path, `${i}`), '');
  expect(found().top).toEqual({}); // too many names to read for this
});

test('the description names inode and creation time', () =>
  expect(describeMarks(marks({ birthNs: '1700000000000000000' }))).toBe(
    'inode 2, made 2023-11-14T22:13:20.000Z, a in it inode 11',
  ));
