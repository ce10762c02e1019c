import { describe, expect, test } from '@jest/globals';
import { ChangedFiles, hotFiles } from '../../src/plan/hot-files.js';
import type { OpenFilesReport } from '../../src/wire/messages.js';
import { fileEntry } from '../support/entries.js';

const withInode = (ino: string) => fileEntry('name', { ino });
const complete = { complete: true, hidden: [] };
const report = (files: [string, string][], fields: Partial<OpenFilesReport> = {}) => ({
  hot: { files, more: false },
  inspection: complete,
  ...fields,
});
const HOST = '0fea4ca8-1a2b-4c3d-9e8f-001122334455';
const LOG = 'commitlog/0/CommitLog-7-1.log';
const CDC = 'cdc_raw/0/CommitLog-7-1.log';
const HINTS = `hints/0/${HOST}-1700000000000-2.hints`;

describe('a file is left', () => {
  type Told = Parameters<typeof hotFiles>[0];
  const cases: [boolean, string, string, Told][] = [
    [true, 'open for writing', LOG, report([[LOG, '7']])],
    [true, 'under another name, as the hard link of CDC', CDC, report([[LOG, '7']])],
    [false, 'that nobody writes to, whatever its name', LOG, report([])],
    [false, 'hints that nobody writes to', HINTS, report([])],
    [true, 'hints that somebody writes to', HINTS, report([[HINTS, '7']])],
    [true, 'of whatever name below those roots', 'hints/0/other', report([['hints/0/other', '7']])],
    [false, 'an open file of another type', 'data/0/ks/t/base', report([['data/0/ks/t/base', '7']])],
    [true, 'by its name, where processes could not be looked into', LOG, report([], { inspection: undefined })],
    [true, 'likewise in a container', LOG, report([], { inspection: { complete: false, hidden: ['pid-namespace'] } })],
    [true, 'likewise when there are too many', LOG, { hot: { files: [], more: true }, inspection: complete }],
    [true, 'likewise of an older agent', LOG, { inspection: complete }],
    [true, 'likewise of a Sidecar', LOG, undefined],
    [true, 'a CDC segment without an index', CDC, undefined],
    [false, 'the index itself', 'cdc_raw/0/CommitLog-7-1_cdc.idx', undefined],
    [false, 'a CDC segment whose index says COMPLETED', 'cdc_raw/0/CommitLog-7-2.log', undefined],
    [true, 'a commit log segment, completed or not', 'commitlog/0/CommitLog-7-2.log', undefined],
    [true, 'hints without their checksum file', HINTS, undefined],
    [false, 'what has no such name', 'commitlog/0/notes.log', undefined],
    [false, 'what has no such type', 'data/0/CommitLog-7-1.log', undefined],
  ];
  test.each(cases)('%s: %s', (left, _, key, report) => {
    const hot = hotFiles(report, new ChangedFiles(), (index) => index === 'cdc_raw/0/CommitLog-7-2_cdc.idx');
    expect(hot.has(key, withInode(key === CDC || key === LOG ? '7' : '8'))).toBe(left);
    if (left) expect(hot.mayBeIn(key.slice(0, key.lastIndexOf('/')))).toBe(true);
  });

  test('but hints with a checksum file, which are closed, are copied', () => {
    const hot = hotFiles(undefined, new ChangedFiles(), () => false);
    const listed = [
      `hints/0/${HOST}-1700000000000-2.crc32`,
      `hints/0/${HOST}-1700000000000-2.hints`,
      `hints/0/${HOST}-1700000009999-2.hints`,
      'hints/0/ffffffff-1a2b-4c3d-9e8f-001122334455-1700000000000-2.hints',
    ];
    expect(listed.map((key) => hot.has(key, withInode('8')))).toEqual([false, false, true, true]);
  });

  test('after it has changed under two reads of the run, whatever its type', () => {
    const changed = new ChangedFiles();
    const hot = hotFiles(report([]), changed, () => false);
    changed.add('data/0/ks/t/x');
    expect([hot.has('data/0/ks/t/x', withInode('8')), hot.mayBeIn('data/0/ks/t')]).toEqual([false, false]);
    changed.add('data/0/ks/t/x');
    changed.add('data/0/ks/t/y');
    expect([hot.has('data/0/ks/t/x', withInode('8')), hot.mayBeIn('data/0/ks/t')]).toEqual([true, true]);
    expect([hot.has('data/0/ks/t/y', withInode('8')), hot.mayBeIn('data/0/ks')]).toEqual([false, false]);
  });
});
