// The short way to the digest of a small file: it says what the long way says, or nothing.

import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { DIGEST_ALGORITHMS, type FileAlgorithm } from '../../src/digest/digest.js';
import { ready } from '../../src/digest/digest-fd.js';
import { digestInTurn } from '../../src/digest/digest-files.js';
import { listed, ONE_READ_BYTES } from '../../src/digest/listed-file.js';
import { digestSettled, openSettled } from '../../src/digest/settled-files.js';
import { DirCache } from '../../src/files/dirfd.js';
import type { Entry } from '../../src/files/entry.js';
import type { Roots } from '../../src/files/roots.js';
import { deviceOf } from '../../src/syscalls/calls.js';

const KEY = 'data/0/t';
/** What was written now is settled then. */
const LATER_MS = 60_000;

let dir: string;
let roots: Roots;
let dirs: DirCache;

beforeAll(async () => {
  for (const algorithm of DIGEST_ALGORITHMS) await ready(algorithm);
  for (let i = 0; i < 5_001; i++) deviceOf(0); // by then the C library is called
});
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'lm-settled-'));
  mkdirSync(join(dir, 't'));
  roots = [{ key: 'data/0', type: 'data', index: 0, path: dir }];
  dirs = new DirCache(roots);
});
afterEach(() => {
  dirs.close();
  rmSync(dir, { recursive: true });
});

const at = (name: string): string => join(dir, 't', name);

/** As a walk lists it, whatever it is; a file of the same name may be there by the time it is read. */
function entryOf(name: string, changes: Partial<Entry> = {}): Entry {
  const stat = lstatSync(at(name), { bigint: true });
  return {
    ...{ name, kind: 'file', size: `${stat.size}`, mtimeNs: `${stat.mtimeNs}`, mode: Number(stat.mode) },
    ...{ ino: `${stat.ino}`, ctimeNs: `${stat.ctimeNs}`, links: undefined, owner: undefined },
    ...{ target: undefined, allocated: undefined, ...changes },
  };
}

/** The old one keeps its inode. */
function replace(name: string, create: () => void): undefined {
  renameSync(at(name), at('before'));
  create();
}

interface Opening {
  algorithm?: FileAlgorithm;
  of?: DirCache;
  direct?: boolean;
  nowMs?: number;
}

const open = ({ algorithm = 'md5', of = dirs, ...options }: Opening = {}) => {
  const settled = openSettled(of, KEY, { nowMs: Date.now() + LATER_MS, ...options })!;
  return { digest: (entry: Entry) => digestSettled(settled, algorithm, entry) };
};

describe.each([false, true])('with direct reads: %s,', (direct) => {
  test.each(DIGEST_ALGORITHMS)('%s of files of any size and name are those of the long way', async (algorithm) => {
    const sizes = [1, 2, 15, 16, 17, 2048, 4095, 4096, 4097, ONE_READ_BYTES - 1];
    const names = sizes.map((size, i) => `${['a', 'ü', '-x', '.hidden', 'a b'][i % 5]}${size}`);
    for (const [i, name] of names.entries()) writeFileSync(at(name), Buffer.alloc(sizes[i]!, `${i}é`));
    utimesSync(at(names[0]!), 1, 1);
    const settled = open({ algorithm, direct });
    const found = names.map((name) => settled.digest(entryOf(name)));
    const files = names.map((name) => listed(KEY, entryOf(name)));
    const long = await digestInTurn({ roots, files, algorithm });
    expect(found).toEqual(long.map((answer) => ('digest' in answer ? answer.digest : answer)));
  });
});

test.each<[string, (entry: Entry) => Partial<Entry> | undefined]>([
  ['is longer', ({ name }) => void writeFileSync(at(name), 'longer than it was')],
  ['is shorter', ({ name }) => void writeFileSync(at(name), 's')],
  ['has another time', ({ name }) => void utimesSync(at(name), 5, 5)],
  ['has another nanosecond', ({ mtimeNs }) => ({ mtimeNs: `${BigInt(mtimeNs) + 1n}` })],
  ['is another file', ({ name }) => replace(name, () => writeFileSync(at(name), 'settled'))],
  ['is gone', ({ name }) => void rmSync(at(name))],
  ['is a link to itself', ({ name }) => replace(name, () => symlinkSync('before', at(name)))],
  ['is a directory', ({ name }) => replace(name, () => mkdirSync(at(name)))],
  ['is a pipe', ({ name }) => replace(name, () => spawnSync('mkfifo', [at(name)]))],
  ['has a name that leads elsewhere', () => ({ name: '../t/file' })],
  ['has a name that C takes to end', () => ({ name: 'file\0' })],
  ['has an inode that no number has exactly', () => ({ ino: `${2n ** 60n + 1n}` })],
  ['was changed before 1970', () => ({ mtimeNs: '-1000000001' })],
])('it says nothing of a file that %s', (_, change) => {
  writeFileSync(at('file'), 'settled');
  utimesSync(at('file'), 1_600_000_000.5, 1_600_000_000.5);
  const entry = entryOf('file');
  const settled = open();
  expect(settled.digest(entry)).toEqual(expect.any(String));
  expect(settled.digest({ ...entry, ...change(entry) })).toBeUndefined();
});

test('nor of an empty one, a big one, and one that was written to a moment ago, or whose times were set back then', () => {
  writeFileSync(at('empty'), '');
  writeFileSync(at('big'), Buffer.alloc(ONE_READ_BYTES));
  writeFileSync(at('young'), 'young');
  const settled = open();
  expect(['empty', 'big'].map((name) => settled.digest(entryOf(name)))).toEqual([undefined, undefined]);
  const now = open({ nowMs: Date.now() });
  expect(now.digest(entryOf('young'))).toBeUndefined();
  utimesSync(at('young'), 1, 1);
  const before = entryOf('young', { ctimeNs: undefined }); // as an agent lists it that tells no ctime
  expect([now.digest(before), settled.digest(before)]).toEqual([undefined, expect.any(String)]);
});

test('nor of one that is excluded', () => {
  for (const name of ['kept', 'left']) writeFileSync(at(name), name);
  const excludes = Object.assign((key: string) => key === `${KEY}/left`, { hasPatterns: () => true });
  const hiding = new DirCache(roots, excludes);
  const settled = open({ of: hiding });
  expect(['kept', 'left'].map((name) => settled.digest(entryOf(name)))).toEqual([expect.any(String), undefined]);
  hiding.close();
});

test('nor of a directory that is not there, or is a link', () => {
  symlinkSync('t', join(dir, 'link'));
  for (const key of ['data/0/none', 'data/0/link']) {
    expect(openSettled(dirs, key, { nowMs: Date.now() + LATER_MS })).toBeUndefined();
  }
});

test('no descriptor stays open, whatever is found', () => {
  writeFileSync(at('file'), 'x');
  linkSync(at('file'), at('again'));
  chmodSync(at('again'), 0o400);
  const settled = open();
  const entries = [entryOf('file'), entryOf('again', { size: '2' }), entryOf('file', { name: 'gone' })];
  const before = readdirSync('/proc/self/fd').length;
  for (let i = 0; i < 50; i++) for (const entry of entries) settled.digest(entry);
  expect(readdirSync('/proc/self/fd').length).toBe(before);
  expect(statSync(at('file')).isFile()).toBe(true);
});
