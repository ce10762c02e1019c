import { chmodSync, chownSync, existsSync, fstatSync, readFileSync, statSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import type { Row } from '../../src/files/entry.js';
import { Disk, type OpenPart } from '../../src/pull/disk.js';
import { sandbox } from '../support/sandbox.js';
import { file, link } from '../support/tree.js';

const MIB = 1024 * 1024;

test('a part takes up what was written of it, not its size', async () => {
  const path = sandbox().destination.write('data', {});
  const disk = new Disk([{ key: 'data/0', type: 'data', index: 0, path }], { owners: false, umask: 0o022 });
  expect(disk.bytesOfPart('data/0', 'big')).toBeUndefined();
  const { fd } = disk.createPart('data/0', 'big', 64 * MIB) as OpenPart;
  disk.write(fd, Buffer.alloc(MIB, 1), 0, 'data/0/big');
  disk.close(fd, 'data/0/big');
  expect(disk.bytesOfPart('data/0', 'big')).toBeGreaterThanOrEqual(MIB);
  expect(disk.bytesOfPart('data/0', 'big')).toBeLessThan(3 * MIB);
  expect(disk.bytesOfPart('data/0/no-such-directory', 'big')).toBeUndefined();
  disk.forgetDirectories();
});

test('where a file has taken the place of its directory, a part is gone and cannot be made', async () => {
  const path = sandbox().destination.write('data', { ks: 'a file' });
  const disk = new Disk([{ key: 'data/0', type: 'data', index: 0, path }], { owners: false, umask: 0o022 });
  expect(disk.bytesOfPart('data/0/ks', 'big')).toBeUndefined();
  expect(disk.reopenPart('data/0/ks', 'big', MIB, '1')).toBeUndefined();
  expect(disk.createPart('data/0/ks', 'big', MIB)).toMatch(/stands in its place/);
  disk.forgetDirectories();
});

test('attributes are set on what stands there, never on what a link in its place leads to', async () => {
  const { destination } = sandbox();
  const path = destination.write('data', {
    file: 'x',
    link: link('../outside'),
    closed: file({ content: 'y', mode: 0 }),
  });
  const outside = destination.write('outside', {});
  chmodSync(outside, 0o700);
  const disk = new Disk([{ key: 'data/0', type: 'data', index: 0, path }], { owners: false, umask: 0o022 });
  const row = (name: string, mode: number): Row => [name, '1', '1000000000', 0o100000 | mode, '1', 0, 0];
  expect(disk.mend('data/0', row('file', 0o640))).toBeUndefined();
  expect(disk.mend('data/0', row('closed', 0o600))).toBeUndefined();
  expect(disk.mend('data/0', row('link', 0o777))).toMatch(/stands in its place/);
  for (const [name, mode] of [
    ['file', 0o640],
    ['closed', 0o600],
  ] as const)
    expect(statSync(`${path}/${name}`)).toMatchObject({ mode: 0o100000 | mode, mtimeMs: 1000 });
  expect(statSync(outside).mode & 0o777).toBe(0o700);
  disk.forgetDirectories();
});

describe('a file written whole', () => {
  const isRoot = process.getuid?.() === 0;
  const row = (name: string, mode: number, uid: number | null, gid: number | null): Row => [
    name,
    '3',
    '1000000000',
    0o100000 | mode,
    '1',
    uid,
    gid,
  ];

  function madeIn(path: string, owners: boolean) {
    const disk = new Disk([{ key: 'data/0', type: 'data', index: 0, path }], { owners, umask: process.umask() });
    return (of: Row) => {
      const part = disk.beginFile('data/0', of) as OpenPart;
      const before = fstatSync(part.fd);
      disk.append(part, Buffer.from('ab'), 'data/0/x');
      disk.append(part, Buffer.from('c'), 'data/0/x');
      expect(disk.publish(part, 'data/0', of)).toBeUndefined();
      expect(readFileSync(`${path}/${of[0]}`, 'utf8')).toBe('abc');
      const after = statSync(`${path}/${of[0]}`);
      expect(after.mtimeMs).toBe(1000);
      return { bornWith: before.mode & 0o7777, mode: after.mode & 0o7777, uid: after.uid, gid: after.gid };
    };
  }

  test('has its mode whatever the files before it had, and is born with it once that is sure', async () => {
    const make = madeIn(sandbox().destination.write('data', {}), false);
    const { uid, gid } = statSync('.');
    expect(make(row('a', 0o644, uid, gid))).toMatchObject({ bornWith: 0o600, mode: 0o644 });
    expect(make(row('b', 0o644, uid, gid))).toMatchObject({ bornWith: 0o644, mode: 0o644 });
    expect(make(row('c', 0o400, uid, gid))).toMatchObject({ bornWith: 0o400, mode: 0o400 });
    expect(make(row('d', 0o666, uid, gid))).toMatchObject({ mode: 0o666 }); // which a umask would have cut
    expect(make(row('e', 0o4755, uid, gid))).toMatchObject({ bornWith: 0o600, mode: 0o4755 });
    expect(make(row('f', 0, null, null))).toMatchObject({ mode: 0o666 & ~process.umask() });
  });

  (isRoot ? test : test.skip)('is nobody else’s to read until it has its owner', async () => {
    const path = sandbox().destination.write('data', {});
    const make = madeIn(path, true);
    for (const [name, uid, gid, bornWith] of [
      ['a', 0, 0, 0o600],
      ['b', 0, 0, 0o644],
      ['c', 1234, 0, 0o600],
      ['d', 0, 5678, 0o600],
      ['e', 0, 0, 0o644],
    ] as const)
      expect(make(row(name, 0o644, uid, gid))).toEqual({ bornWith, mode: 0o644, uid, gid });
    chownSync(path, 0, 5678);
    chmodSync(path, 0o2755);
    const inGroup = madeIn(path, true);
    for (const [name, gid, bornWith] of [
      ['f', 5678, 0o600],
      ['g', 5678, 0o644],
      ['h', 0, 0o600],
    ] as const)
      expect(inGroup(row(name, 0o644, 0, gid))).toEqual({ bornWith, mode: 0o644, uid: 0, gid });
  });

  test('is not published short', async () => {
    const path = sandbox().destination.write('data', {});
    const disk = new Disk([{ key: 'data/0', type: 'data', index: 0, path }], { owners: false, umask: 0o022 });
    const of = row('a', 0o644, null, null);
    const part = disk.beginFile('data/0', of) as OpenPart;
    disk.append(part, Buffer.from('ab'), 'data/0/a');
    expect(() => disk.publish(part, 'data/0', of)).toThrow('not 3 bytes long');
    expect(existsSync(`${path}/a`)).toBe(false);
  });
});
