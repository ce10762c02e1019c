import { spawnSync } from 'node:child_process';
import {
  closeSync,
  constants,
  existsSync,
  fstatSync,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from '@jest/globals';
import { errnoOf } from '../../src/errors.js';
import { readFrom, renameIn, statIn, statOf } from '../../src/syscalls/calls.js';
import { libc, systemError, whyNoLibc } from '../../src/syscalls/libc.js';
import { type FileStat, STAT_MEMBERS } from '../../src/syscalls/stat.js';
import { sandbox } from '../support/sandbox.js';

const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK, O_DIRECTORY } = constants;
const FILE = O_RDONLY | O_NOFOLLOW | O_NONBLOCK;
const NAMES = ['file', 'empty', 'sparse', 'old', 'far', 'directory', 'link', 'dangling', 'pipe', 'été-\u{1f600}'];

function directory() {
  const { dir } = sandbox();
  const at = (name: string): string => join(dir, name);
  writeFileSync(at('file'), 'content');
  linkSync(at('file'), at('again'));
  for (const name of ['empty', 'old', 'far', 'été-\u{1f600}']) writeFileSync(at(name), '');
  writeFileSync(at('sparse'), 'x');
  truncateSync(at('sparse'), 7 * 2 ** 32);
  utimesSync(at('old'), -1.5, -1.5); // before 1970
  utimesSync(at('far'), 13e9, 13e9); // 2381
  mkdirSync(at('directory'), { mode: 0o2751 });
  symlinkSync('file', at('link'));
  symlinkSync('/nowhere', at('dangling'));
  spawnSync('mkfifo', [at('pipe')]);
  return { at, fd: openSync(dir, O_RDONLY | O_DIRECTORY) };
}

/** What is used of Node's answer. */
const used = (stat: FileStat): FileStat =>
  Object.fromEntries(STAT_MEMBERS.map((member) => [member, stat[member]])) as FileStat;

const codeOf = (call: () => unknown): string | undefined => {
  try {
    call();
  } catch (error) {
    return errnoOf(error);
  }
  return 'no error';
};

test('the C library is there, where koffi is installed', () => {
  expect(libc()).toBeDefined();
  expect(whyNoLibc()).toBeUndefined();
});

describe.each(['Node', 'the C library'])('by %s,', (by) => {
  beforeAll(() => {
    const { fd } = directory();
    if (by === 'the C library') for (let i = 0; i < 5_000; i++) statOf(fd);
  });

  test('an entry has the attributes that it has', () => {
    const dir = directory();
    for (const name of NAMES) {
      expect(statIn(dir, name)).toMatchObject(used(lstatSync(dir.at(name), { bigint: true })));
    }
    const fd = openSync(dir.at('sparse'), FILE);
    expect(statOf(fd)).toMatchObject(used(fstatSync(fd, { bigint: true })));
    closeSync(fd);
  });

  test('a stat stays what it was when another is made', () => {
    const dir = directory();
    const first = statIn(dir, 'sparse');
    statIn(dir, 'empty');
    expect(first.size).toBe(7n * 2n ** 32n);
  });

  test('a file is read from a position, to its end and no farther', () => {
    const dir = directory();
    const fd = openSync(dir.at('file'), FILE);
    const buffer = Buffer.alloc(10, '.');
    expect(readFrom(fd, buffer, 2, 3, 4)).toBe(3);
    expect(buffer.toString()).toBe('..ent.....');
    expect(readFrom(fd, buffer, 0, 10, 7)).toBe(0);
    closeSync(fd);
    const sparse = openSync(dir.at('sparse'), FILE);
    expect(readFrom(sparse, buffer, 0, 10, 7 * 2 ** 32 - 4)).toBe(4);
    closeSync(sparse);
  });

  test('an entry gets another name, and takes it from what has it', () => {
    const dir = directory();
    const { ino } = lstatSync(dir.at('old'));
    renameIn(dir, 'old', 'été-\u{1f600}');
    expect(lstatSync(dir.at('été-\u{1f600}')).ino).toBe(ino);
    expect(existsSync(dir.at('old'))).toBe(false);
  });

  test('a failure has the code that Node gives it', () => {
    const dir = directory();
    expect(codeOf(() => renameIn(dir, 'nothing', 'file'))).toBe('ENOENT');
    expect(codeOf(() => renameIn(dir, 'file', 'directory'))).toBe('EISDIR');
    expect(codeOf(() => statIn(dir, 'nothing'))).toBe('ENOENT');
    const opened = openSync(dir.at('directory'), FILE);
    expect(codeOf(() => readFrom(opened, Buffer.alloc(1), 0, 1, 0))).toBe('EISDIR');
    closeSync(opened);
    expect(codeOf(() => statOf(opened))).toBe('EBADF');
  });

  test('no name leads out of the directory, or to another one than it says', () => {
    const dir = directory();
    expect(codeOf(() => statIn(dir, '/etc/hostname'))).toBe('ENOENT'); // of the directory, not of the system
    expect(codeOf(() => statIn(dir, 'file\0more'))).toBe('ERR_INVALID_ARG_VALUE');
    expect(codeOf(() => renameIn(dir, 'file', join(dir.at('.'), 'moved')))).toBe('ENOENT');
    expect(codeOf(() => renameIn(dir, 'file', 'moved\0more'))).toBe('ERR_INVALID_ARG_VALUE');
    expect(existsSync(dir.at('moved'))).toBe(false);
  });
});

test('an error of the C library reads as one of Node', () => {
  const error = systemError('open', 2);
  expect(error).toMatchObject({ code: 'ENOENT', errno: -2, syscall: 'open' });
  expect(errnoOf(systemError('write', 122))).toBe('EDQUOT'); // libuv has no name for it
});
