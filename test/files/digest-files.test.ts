import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  realpathSync,
  renameSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { type DigestAnswer, type DigestJob, digestFiles, type ListedFile } from '../../src/files/digest-files.js';
import type { Roots } from '../../src/files/roots.js';
import { createPool } from '../../src/files/threads.js';

let dir: string;
let roots: Roots;
beforeEach(() => {
  dir = realpathSync(mkdtempSync(join(tmpdir(), 'lm-digest-files-')));
  roots = [{ key: 'data/0', type: 'data', index: 0, path: dir }];
  mkdirSync(join(dir, 'ks'));
  writeFileSync(join(dir, 'ks/a.db'), 'hello\n');
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

const listed = (name: string): ListedFile => {
  const stat = lstatSync(join(dir, name), { bigint: true });
  return { key: `data/0/${name}`, size: `${stat.size}`, mtimeNs: `${stat.mtimeNs}`, ino: `${stat.ino}` };
};

const digest = async (...files: ListedFile[]): Promise<DigestAnswer[]> =>
  digestFiles({ algorithm: 'xxhash32', roots, files });

const FOUND = { digest: '946b5bf9' };

describe('a listed file', () => {
  test('that is still itself has a digest', async () => {
    writeFileSync(join(dir, 'ks/empty'), '');
    expect(await digest(listed('ks/a.db'), listed('ks/empty'))).toEqual([FOUND, { digest: '2cc5d05' }]);
  });

  const CHANGES: [string, (file: string) => void][] = [
    ['of another size', (file) => writeFileSync(file, 'longer than that')],
    ['of another time', (file) => utimesSync(file, 1, 1)],
    ['replaced by a copy', replaceByCopy],
    ['replaced by a link', (file) => symlinkSync('../away', moveAway(file))],
    ['replaced by a directory', (file) => mkdirSync(moveAway(file))],
    ['replaced by a pipe', (file) => execFileSync('mkfifo', [moveAway(file)])],
    ['reached through a link', (file) => symlinkSync('away', moveAway(dirname(file)))],
  ];
  test.each(CHANGES)('that is now %s has changed', async (_, change) => {
    const file = listed('ks/a.db');
    change(join(dir, 'ks/a.db'));
    expect(await digest(file)).toMatchObject([{ result: 'changed' }]);
  });

  test('that is gone, or whose directory is, has vanished', async () => {
    const file = listed('ks/a.db');
    rmSync(join(dir, 'ks/a.db'));
    expect(await digest(file)).toMatchObject([{ result: 'vanished' }]);
    rmSync(join(dir, 'ks'), { recursive: true });
    expect(await digest(file)).toMatchObject([{ result: 'vanished' }]);
  });

  test('told by a Sidecar is known by size and milliseconds', async () => {
    const { mtimeNs, ...file } = listed('ks/a.db');
    const told = { ...file, ino: '0', mtimeNs: `${mtimeNs.slice(0, -6)}000000` };
    const later = { ...told, mtimeNs: `${BigInt(told.mtimeNs) + 1_000_000n}` };
    expect(await digest(told, later)).toMatchObject([FOUND, { result: 'changed' }]);
  });

  (process.getuid?.() === 0 ? test.skip : test)('that may not be read has failed, by name of the error', async () => {
    const file = listed('ks/a.db');
    chmodSync(join(dir, 'ks/a.db'), 0);
    expect(await digest(file)).toEqual([{ result: 'failed', message: 'EACCES' }]);
  });

  test('in trouble does not keep the others from their digests', async () => {
    const gone = { ...listed('ks/a.db'), key: 'data/0/ks/gone' };
    expect(await digest(gone, listed('ks/a.db'))).toEqual([{ result: 'vanished', message: 'no longer there' }, FOUND]);
  });
});

/** Same size, same time, same content: only the inode tells. */
function replaceByCopy(file: string): void {
  execFileSync('cp', ['-p', file, `${file}2`]);
  renameSync(`${file}2`, file);
}

function moveAway(path: string): string {
  renameSync(path, join(dir, 'away'));
  return path;
}

test('a thread answers as the function does', async () => {
  const script = new URL('../../dist/files/digest-thread.js', import.meta.url);
  const pool = createPool<DigestJob, DigestAnswer[]>(script, 1);
  try {
    expect(await pool.run({ algorithm: 'xxhash32', roots, files: [listed('ks/a.db')] })).toEqual([FOUND]);
  } finally {
    await pool.close();
  }
});
