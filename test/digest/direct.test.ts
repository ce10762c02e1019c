import {
  closeSync,
  constants,
  lstatSync,
  mkdtempSync,
  openSync,
  readFileSync,
  realpathSync,
  rmSync,
  statfsSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from '@jest/globals';
import { BLOCK_DIGEST, FILE_ALGORITHMS } from '../../src/digest/digest.js';
import { digestFiles } from '../../src/digest/digest-files.js';
import type { ListedFile } from '../../src/digest/listed-file.js';
import { DIRECT_BYTES, type OpenFile, openDirect, pageAligned, readAt } from '../../src/digest/open-file.js';
import { DirCache } from '../../src/files/dirfd.js';
import type { Roots } from '../../src/files/roots.js';

const dir = realpathSync(mkdtempSync(join(tmpdir(), 'lm-direct-')));
afterAll(() => rmSync(dir, { recursive: true, force: true }));
const rootsAt = (path: string): Roots => [{ key: 'data/0', type: 'data', index: 0, path }];
const roots = rootsAt(dir);

/** It has no disk: O_DIRECT is taken there, or refused when a file is opened, and no read is. */
const TMPFS = 0x01021994;
const isDisk = statfsSync(dir).type !== TMPFS;

function written(name: string, bytes: number): ListedFile {
  const content = Buffer.alloc(bytes);
  for (let i = 0; i < bytes; i++) content[i] = (i * 7 + (i >> 9)) & 0xff;
  writeFileSync(join(dir, name), content);
  const { size, mtimeNs, ino } = lstatSync(join(dir, name), { bigint: true });
  return { key: `data/0/${name}`, size: `${size}`, mtimeNs: `${mtimeNs}`, ino: `${ino}` };
}

const KIB = 1 << 10;
const SIZES = [64 * KIB - 1, 64 * KIB, 64 * KIB + 1, 100_000, DIRECT_BYTES - 1, DIRECT_BYTES, DIRECT_BYTES + 1];
const FILES = [...SIZES, 3 * DIRECT_BYTES, 3 * DIRECT_BYTES + 4097, 0, 5, 4095, 4096, 4097].map((bytes, i) =>
  written(`f${i}`, bytes),
);

describe.each(FILE_ALGORITHMS)('direct reads, by %s', (algorithm) => {
  test('give the digests that the page cache gives, and say which files came from the disk', async () => {
    const cached = await digestFiles({ algorithm, roots, files: FILES });
    const direct = await digestFiles({ algorithm, roots, files: FILES, direct: true });
    expect(direct.map(withoutCtime)).toEqual(
      cached.map((answer, i) => {
        const isEmpty = FILES[i]!.size === '0';
        return { ...withoutCtime(answer), read: isEmpty ? 'cached' : isDisk ? 'direct' : expect.any(String) };
      }),
    );
  });

  (isDisk ? test : test.skip)('are from the disk, although the page cache has the bytes', async () => {
    const file = written('big', 8 * DIRECT_BYTES);
    await digestFiles({ algorithm, roots, files: [file], direct: true }); // writes back what is dirty
    readFileSync(join(dir, 'big'));
    const before = bytesFromDisk();
    await digestFiles({ algorithm, roots, files: [file], direct: true });
    expect(bytesFromDisk() - before).toBeGreaterThanOrEqual(8 * DIRECT_BYTES);
  });
});

/** A file has a ctime once it is not young any more, which may come between two reads. */
const withoutCtime = (answer: object): object => ({ ...answer, ctimeNs: undefined });

const bytesFromDisk = (): number => Number(/^read_bytes: (\d+)/m.exec(readFileSync('/proc/self/io', 'latin1'))![1]);

test('a file that becomes longer while it is read directly has changed', async () => {
  const file = written('grows', 20 * DIRECT_BYTES);
  const answering = digestFiles({ algorithm: 'md5', roots, files: [file], direct: true });
  await new Promise(setImmediate);
  writeFileSync(join(dir, 'grows'), 'more', { flag: 'a' });
  expect(await answering).toEqual([{ result: 'changed', message: 'changed while it was read' }]);
});

test('a file system that refuses direct reads when a file is opened is read through the cache', () => {
  const dirs = new DirCache(rootsAt('/proc'));
  expect(openDirect(dirs, 'data/0', 'version')).toBeUndefined();
  dirs.close();
});

(isDisk ? test : test.skip)('a file whose direct read is refused is read on through the cache', () => {
  const { size } = written('refused', 2 * DIRECT_BYTES);
  const file: OpenFile = { fd: openSync(join(dir, 'refused'), constants.O_DIRECT), size: Number(size), direct: true };
  const before = file.fd;
  const buffer = pageAligned(DIRECT_BYTES);
  try {
    expect(readAt(file, buffer, 0, DIRECT_BYTES, 0)).toBe(DIRECT_BYTES);
    expect(file).toMatchObject({ fd: before, direct: true });
    rmSync(join(dir, 'refused')); // its name is not needed
    expect(readAt(file, buffer, 0, 1000, 1)).toBe(1000);
    expect(file.direct).toBe(false);
    expect([...buffer.subarray(0, 3)]).toEqual([7, 14, 21]);
    expect(readAt(file, buffer, 1, 1000, DIRECT_BYTES)).toBe(1000);
  } finally {
    closeSync(file.fd);
  }
});

test('an answer without a request for direct reads does not say how the file was read', async () => {
  const [answer] = await digestFiles({ algorithm: BLOCK_DIGEST, roots, files: [FILES[0]!] });
  expect(answer).toHaveProperty('digest');
  expect(answer).not.toHaveProperty('read');
});
