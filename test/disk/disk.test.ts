import { execFileSync } from 'node:child_process';
import {
  appendFileSync,
  chmodSync,
  chownSync,
  existsSync,
  fstatSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { Disk, type OpenPart, partNameOf } from '../../src/disk/disk.js';
import { DirCache } from '../../src/files/dirfd.js';
import type { Entry, Owner } from '../../src/files/entry.js';
import type { Roots } from '../../src/files/roots.js';
import { bytesOfPart } from '../../src/transfer/parts.js';
import { dirEntry, entryWith, fileEntry } from '../support/entries.js';
import { sandbox } from '../support/sandbox.js';
import { dir, file, link, type Tree } from '../support/tree.js';

const MIB = 1024 * 1024;
const isRoot = process.getuid?.() === 0;
const existsAt = (path: string, name: string) => readdirSync(path).includes(name);

test('a part takes up the space of its written bytes, not of its size', async () => {
  const path = sandbox().destination.write('data', {});
  const roots: Roots = [{ key: 'data/0', type: 'data', index: 0, path }];
  const disk = new Disk(roots, { canChown: false, umask: 0o022 });
  const dirs = new DirCache(roots);
  expect(bytesOfPart(dirs, roots, 'data/0/big')).toBeUndefined();
  const { fd } = disk.createPart('data/0', 'big', 64 * MIB) as OpenPart;
  disk.write(fd, Buffer.alloc(MIB, 1), 0, 'data/0/big');
  disk.close(fd, 'data/0/big');
  expect(bytesOfPart(dirs, roots, 'data/0/big')).toBeGreaterThanOrEqual(MIB);
  expect(bytesOfPart(dirs, roots, 'data/0/big')).toBeLessThan(3 * MIB);
  expect(bytesOfPart(dirs, roots, 'data/0/no-such-directory/big')).toBeUndefined();
  dirs.close();
  disk.forgetDirectories();
});

test('a part that was made again is not the one before it, though it has the same inode', () => {
  const path = sandbox().destination.write('data', {});
  const disk = new Disk([{ key: 'data/0', type: 'data', index: 0, path }], { canChown: false, umask: 0o022 });
  const make = (): string => {
    const { fd } = disk.createPart('data/0', 'big', MIB) as OpenPart;
    const id = disk.partIdOf(fd);
    disk.close(fd, 'data/0/big');
    return id;
  };
  const reopens = (id: string): boolean => {
    const part = disk.reopenPart('data/0', 'big', MIB, id);
    if (part) disk.close(part.fd, 'data/0/big');
    return part !== undefined;
  };
  const before = make();
  expect(reopens(before)).toBe(true);
  expect(reopens(before.split('@')[0]!)).toBe(true); // as an older lm has it
  disk.discardPart('data/0', 'big');
  const after = make();
  expect(after).not.toBe(before);
  expect(reopens(before)).toBe(false);
  expect(reopens(after)).toBe(true);
  disk.forgetDirectories();
});

test('where a file has taken the place of its directory, a part is gone and cannot be made', async () => {
  const path = sandbox().destination.write('data', { ks: 'a file' });
  const roots: Roots = [{ key: 'data/0', type: 'data', index: 0, path }];
  const disk = new Disk(roots, { canChown: false, umask: 0o022 });
  const dirs = new DirCache(roots);
  expect(bytesOfPart(dirs, roots, 'data/0/ks/big')).toBeUndefined();
  dirs.close();
  expect(disk.reopenPart('data/0/ks', 'big', MIB, '1')).toBeUndefined();
  expect(disk.createPart('data/0/ks', 'big', MIB)).toMatch(/stands in its place/);
  disk.forgetDirectories();
});

test('attributes are set on the entry, never on what a link in its place leads to', async () => {
  const { destination } = sandbox();
  const path = destination.write('data', {
    file: 'x',
    link: link('../outside'),
    inaccessible: file({ content: 'y', mode: 0 }),
  });
  const outside = destination.write('outside', {});
  chmodSync(outside, 0o700);
  const disk = new Disk([{ key: 'data/0', type: 'data', index: 0, path }], { canChown: false, umask: 0o022 });
  const wanted = (name: string, mode: number) => fileEntry(name, { mtimeNs: '1000000000', mode: 0o100000 | mode });
  const set = (name: string, mode: number) => disk.setAttributes('data/0', wanted(name, mode), entryAt(path, name));
  expect(set('file', 0o640)).toBeUndefined();
  expect(set('inaccessible', 0o600)).toBeUndefined();
  expect(set('link', 0o777)).toMatch(/stands in its place/);
  for (const [name, mode] of [
    ['file', 0o640],
    ['inaccessible', 0o600],
  ] as const)
    expect(statSync(`${path}/${name}`)).toMatchObject({ mode: 0o100000 | mode, mtimeMs: 1000 });
  expect(statSync(outside).mode & 0o777).toBe(0o700);
  disk.forgetDirectories();
});

/** As a walk lists it. */
function entryAt(path: string, name: string): Entry {
  const { size, mtimeNs, mode, ino, uid, gid } = lstatSync(join(path, name), { bigint: true });
  return entryWith({
    name,
    size: `${size}`,
    mtimeNs: `${mtimeNs}`,
    mode: Number(mode),
    ino: `${ino}`,
    owner: { uid: Number(uid), gid: Number(gid) },
  });
}

describe('an entry that took a listed one’s name gets no attributes and is not removed', () => {
  const SOMEBODY = { uid: 1234, gid: 1234 };
  const CHANGED = /something else stands here than was listed/;
  const swaps: Record<string, (path: string) => void> = {
    'another file': (path) => renameSync(join(path, 'evil'), join(path, 'x')),
    'another file, in the inode that became free': (path) => {
      rmSync(join(path, 'x'));
      writeFileSync(join(path, 'x'), 'e');
    },
    'a longer file in the same inode': (path) => appendFileSync(join(path, 'x'), 'more'),
    'a second name of another file': (path) => {
      rmSync(join(path, 'x'));
      linkSync(join(path, 'evil'), join(path, 'x'));
    },
    'a link': (path) => {
      rmSync(join(path, 'x'));
      symlinkSync('evil', join(path, 'x'));
    },
    'a pipe': (path) => {
      rmSync(join(path, 'x'));
      execFileSync('mkfifo', [join(path, 'x')]);
    },
    'a directory': (path) => {
      rmSync(join(path, 'x'));
      mkdirSync(join(path, 'x'));
    },
    nothing: (path) => rmSync(join(path, 'x')),
  };
  const from: Record<string, { tree: Tree; names: string[] }> = {
    file: { tree: { x: file({ content: 'x', mode: 0o600, mtimeNs: 5n * 10n ** 9n }) }, names: Object.keys(swaps) },
    link: { tree: { x: link('y') }, names: ['another file', 'a second name of another file', 'nothing'] },
  };

  test.each(Object.entries(from).flatMap(([kind, { tree, names }]) => names.map((name) => ({ kind, tree, name }))))(
    'a $kind: $name',
    ({ tree, name }) => {
      const path = sandbox().destination.write('data', { ...tree, evil: file({ content: 'e', mode: 0o640 }) });
      const disk = new Disk([{ key: 'data/0', type: 'data', index: 0, path }], { canChown: isRoot, umask: 0o022 });
      const local = entryAt(path, 'x');
      swaps[name]!(path);
      const before = existsAt(path, 'x') && entryAt(path, 'x');
      const mode = (local.mode & ~0o7777) | 0o4755;
      const source: Entry = { ...local, mtimeNs: '1000000000', mode, ino: '77', owner: SOMEBODY, target: 'y' };
      expect(disk.setAttributes('data/0', source, local)).toMatch(CHANGED);
      expect(disk.remove('data/0', local)).toEqual(before === false ? undefined : expect.stringMatching(CHANGED));
      expect(existsAt(path, 'x') && entryAt(path, 'x')).toEqual(before);
      disk.forgetDirectories();
    },
  );

  test('a link whose text was read while another had its name', () => {
    const path = sandbox().destination.write('data', { l: link('elsewhere') });
    const disk = new Disk([{ key: 'data/0', type: 'data', index: 0, path }], { canChown: isRoot, umask: 0o022 });
    const before = entryAt(path, 'l');
    const local = { ...before, target: 'x' };
    const source: Entry = { ...local, mtimeNs: '1000000000', ino: '77' };
    expect(disk.setAttributes('data/0', source, local)).toMatch(CHANGED);
    expect(entryAt(path, 'l')).toEqual(before);
    expect(disk.setAttributes('data/0', { ...source, target: 'elsewhere' }, before)).toBeUndefined();
    disk.forgetDirectories();
  });

  test('a directory and a link', () => {
    const path = sandbox().destination.write('data', { d: dir({}), evil: dir({}), l: link('a'), other: link('b') });
    const disk = new Disk([{ key: 'data/0', type: 'data', index: 0, path }], { canChown: isRoot, umask: 0o022 });
    for (const [name, by] of [
      ['d', 'evil'],
      ['l', 'other'],
    ] as const) {
      const local = entryAt(path, name);
      const mode = local.mode | 0o7777;
      const source: Entry = { ...local, mtimeNs: '1000000000', mode, ino: '77', owner: SOMEBODY, target: 'a' };
      rmSync(join(path, name), { recursive: true });
      renameSync(join(path, by), join(path, name));
      const before = entryAt(path, name);
      expect(disk.setAttributes('data/0', source, local)).toMatch(CHANGED);
      expect(disk.remove('data/0', local)).toMatch(CHANGED);
      expect(entryAt(path, name)).toEqual(before);
      expect(disk.setAttributes('data/0', source, before)).toBeUndefined();
      expect(lstatSync(join(path, name))).toMatchObject({ mtimeMs: 1000, ...(isRoot && { uid: 1234, gid: 1234 }) });
    }
    const root = dirEntry('0', { mode: 0o40777 });
    expect(disk.setAttributes('data', root, { ...root, mode: 0o40700 })).toMatch(CHANGED);
    disk.forgetDirectories();
  });

  test('an entry to remove may be gone, and its directory too', () => {
    const path = sandbox().destination.write('data', { d: dir({ below: dir({}), x: 'x' }) });
    const disk = new Disk([{ key: 'data/0', type: 'data', index: 0, path }], { canChown: isRoot, umask: 0o022 });
    const [d, below, x] = [entryAt(path, 'd'), entryAt(join(path, 'd'), 'below'), entryAt(join(path, 'd'), 'x')];
    rmSync(join(path, 'd'), { recursive: true });
    for (const [key, entry] of [['data/0/d', below] as const, ['data/0/d', x] as const, ['data/0', d] as const])
      expect(disk.remove(key, entry)).toBeUndefined();
    disk.forgetDirectories();
  });

  test('both names of one file get their attributes in one pass', () => {
    const path = sandbox().destination.write('data', { x: 'x' });
    linkSync(join(path, 'x'), join(path, 'y'));
    const disk = new Disk([{ key: 'data/0', type: 'data', index: 0, path }], { canChown: isRoot, umask: 0o022 });
    const entries = ['x', 'y'].map((name) => entryAt(path, name));
    for (const local of entries) {
      const source = fileEntry(local.name, { mtimeNs: '1000000000', mode: 0o100640, owner: SOMEBODY });
      expect(disk.setAttributes('data/0', source, local)).toBeUndefined();
    }
    disk.forgetDirectories();
  });
});

describe('a part to resume', () => {
  const others: Record<string, (part: string) => void> = {
    'a pipe': (part) => void execFileSync('mkfifo', [part]),
    'a second name of another file': (part) => {
      writeFileSync(`${part}.other`, 'x');
      linkSync(`${part}.other`, part);
    },
    'a link': (part) => {
      writeFileSync(`${part}.other`, 'x');
      symlinkSync(`${part}.other`, part);
    },
    'a directory': (part) => mkdirSync(part),
  };
  test.each(Object.keys(others))('is not %s', (what) => {
    const path = sandbox().destination.write('data', {});
    const disk = new Disk([{ key: 'data/0', type: 'data', index: 0, path }], { canChown: false, umask: 0o022 });
    others[what]!(join(path, partNameOf('x')));
    expect(disk.reopenPart('data/0', 'x', what === 'a pipe' ? 0 : 1)).toBeUndefined();
    disk.forgetDirectories();
  });
});

describe('a file written whole', () => {
  const threeBytes = (name: string, mode: number, owner: Owner | undefined): Entry =>
    fileEntry(name, { size: '3', mtimeNs: '1000000000', mode: 0o100000 | mode, owner });

  function madeIn(path: string, canChown: boolean) {
    const disk = new Disk([{ key: 'data/0', type: 'data', index: 0, path }], { canChown, umask: process.umask() });
    return (of: Entry) => {
      const part = disk.beginFile('data/0', of.name) as OpenPart;
      const before = fstatSync(part.fd);
      disk.append(part, Buffer.from('ab'), 'data/0/x');
      disk.append(part, Buffer.from('c'), 'data/0/x');
      expect(disk.publish(part, 'data/0', of)).toBeUndefined();
      expect(readFileSync(`${path}/${of.name}`, 'utf8')).toBe('abc');
      const after = statSync(`${path}/${of.name}`);
      expect(after.mtimeMs).toBe(1000);
      return { modeBefore: before.mode & 0o7777, mode: after.mode & 0o7777, uid: after.uid, gid: after.gid };
    };
  }

  test('has the mode of its source, whatever the umask and the files before it', () => {
    const make = madeIn(sandbox().destination.write('data', {}), false);
    const owner = { uid: process.getuid!(), gid: process.getgid!() };
    for (const mode of [0o644, 0o640, 0o400, 0o666, 0o4755])
      expect(make(threeBytes(`${mode}`, mode, owner))).toMatchObject({ modeBefore: 0o600, mode });
    expect(make(threeBytes('untold', 0, undefined))).toMatchObject({ mode: 0o666 & ~process.umask() });
  });

  (isRoot ? test : test.skip)('is nobody else’s to read until it has its owner', () => {
    const path = sandbox().destination.write('data', {});
    chownSync(path, 0, 5678);
    chmodSync(path, 0o2755); // what is made in it has its group
    const make = madeIn(path, true);
    for (const [name, uid, gid] of [
      ['a', 0, 0],
      ['b', 0, 5678],
      ['c', 1234, 0],
      ['d', 1234, 5678],
    ] as const)
      expect(make(threeBytes(name, 0o644, { uid, gid }))).toEqual({ modeBefore: 0o600, mode: 0o644, uid, gid });
  });

  test('is not published short', async () => {
    const path = sandbox().destination.write('data', {});
    const disk = new Disk([{ key: 'data/0', type: 'data', index: 0, path }], { canChown: false, umask: 0o022 });
    const of = threeBytes('a', 0o644, undefined);
    const part = disk.beginFile('data/0', of.name) as OpenPart;
    disk.append(part, Buffer.from('ab'), 'data/0/a');
    expect(() => disk.publish(part, 'data/0', of)).toThrow('not 3 bytes long');
    expect(existsSync(`${path}/a`)).toBe(false);
  });
});
