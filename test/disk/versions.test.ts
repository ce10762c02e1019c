import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { Disk, type OpenPart } from '../../src/disk/disk.js';

let dir: string;
let disk: Disk;

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'lm-versions-'));
  disk = new Disk([{ key: 'data/0', type: 'data', index: 0, path: dir }], { canChown: false, umask: 0o022 });
});
afterEach(() => {
  disk.forgetDirectories();
  rmSync(dir, { recursive: true });
});

test('a version is a regular file of some length, and is opened only while it is the same', () => {
  writeFileSync(join(dir, 'f'), 'older');
  writeFileSync(join(dir, 'empty'), '');
  symlinkSync('f', join(dir, 'link'));
  const version = disk.versions.find('data/0', 'f', 5)!;
  expect(version).toEqual({ ino: `${statSync(join(dir, 'f')).ino}`, bytes: 5 });
  expect(disk.versions.find('data/0', 'f', 6)).toBeUndefined();
  for (const name of ['empty', 'link', 'gone', '.']) expect(disk.versions.find('data/0', name, 1)).toBeUndefined();
  const fd = disk.versions.open('data/0', 'f', version)!;
  expect(readFileSync(fd, 'utf8')).toBe('older');
  disk.close(fd, 'f');
  writeFileSync(join(dir, 'f'), 'longer than it was');
  expect(disk.versions.open('data/0', 'f', version)).toBeUndefined();
  rmSync(join(dir, 'f'));
  expect(disk.versions.open('data/0', 'f', version)).toBeUndefined();
});

test.each([0o644, 0o4755])(
  'cloned or not, of a file of mode %o, a part has its size and is its owner’s alone',
  (mode) => {
    writeFileSync(join(dir, 'f'), 'older');
    chmodSync(join(dir, 'f'), mode);
    const part = disk.createPart('data/0', 'f', 9) as OpenPart;
    const isClone = disk.versions.clone('data/0', 'f', disk.versions.find('data/0', 'f', 1)!, part.fd, 9);
    const { size, mode: after } = statSync(join(dir, part.name));
    expect([size, after & 0o7777]).toEqual([9, 0o600]);
    expect(readFileSync(join(dir, part.name), 'latin1')).toBe(isClone ? 'older\0\0\0\0' : '\0'.repeat(9));
    if (mode === 0o4755) expect(isClone).toBe(false); // it would be one for a moment, and belong to somebody else
    expect(readFileSync(join(dir, 'f'), 'utf8')).toBe('older');
    disk.close(part.fd, 'f');
  },
);
