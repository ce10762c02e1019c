import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, realpathSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execPath, geteuid } from 'node:process';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { checkRootPaths, createRoot, homesIn, resolveRoot, type Surroundings } from '../../src/guards/guard-roots.js';

let base: string;
beforeEach(() => {
  base = realpathSync(mkdtempSync(join(tmpdir(), 'lm-roots-')));
  for (const path of ['a/b/c', 'state', 'home/ann', 'backup', 'source/data'])
    mkdirSync(join(base, path), { recursive: true });
  writeFileSync(join(base, 'file'), '');
});
afterEach(() => rmSync(base, { recursive: true }));

const refused = (message: string) =>
  expect.objectContaining({ code: 'refused', message: expect.stringContaining(message) });

describe('a root is resolved to its real path', () => {
  test.each([
    ['a/b', 'a/b', true],
    ['a/b/', 'a/b', true],
    ['a/./b/../b', 'a/b', true],
    ['a/new', 'a/new', false],
  ])('%s', async (path, real, exists) => {
    const expected = { path: join(base, real), exists };
    expect(await resolveRoot(path, base)).toEqual(expected);
    expect(await resolveRoot(join(base, path), '/')).toEqual(expected);
  });

  test('through links, also when only the last component is missing', async () => {
    symlinkSync('a/b', join(base, 'link'));
    expect(await resolveRoot('link', base)).toEqual({ path: join(base, 'a/b'), exists: true });
    expect(await resolveRoot('link/new', base)).toEqual({ path: join(base, 'a/b/new'), exists: false });
  });

  test('it is created for its owner alone, and only then', async () => {
    const { path } = await resolveRoot('a/new', base);
    expect(() => statSync(path)).toThrow('ENOENT');
    expect(await createRoot(path)).toBe(true);
    expect(statSync(path).mode & 0o777).toBe(0o700);
    expect(await createRoot(path)).toBe(false); // another run was first
  });

  test('it is refused without a parent, as a file, below a file, as a dangling link', async () => {
    await expect(resolveRoot('x/y', base)).rejects.toEqual(refused(`${base}/x does not exist`));
    await expect(resolveRoot('file', base)).rejects.toEqual(refused(`${base}/file is not a directory`));
    await expect(resolveRoot('file/x', base)).rejects.toEqual(refused('is not a directory'));
    symlinkSync('nowhere', join(base, 'dangling'));
    const { path } = await resolveRoot('dangling', base);
    await expect(createRoot(path)).rejects.toEqual(refused('is not a directory'));
  });
});

describe('a destination root may not endanger anything else', () => {
  const check = (roots: string[], around: Partial<Surroundings> = {}) =>
    checkRootPaths(
      roots.map((path, i) => ({ key: `data/${i}`, path: join(base, path) })),
      { stateDir: join(base, 'state'), homes: [join(base, 'home/ann')], ...around },
    );
  const sourceAt = (path: string, more = {}) => ({
    source: { machine: 'm', ownMachine: 'm', roots: [{ path: join(base, path), ...more }], guesses: true },
  });

  test.each([
    ['home/ann', 'is a home directory'],
    ['home', 'holds a home directory'],
    ['state', 'is the state directory'],
    ['state/x', 'is inside the state directory'],
    ['.', 'holds'],
  ])('%s %s', async (path, message) => {
    await expect(check([path])).rejects.toEqual(refused(message));
  });

  test('/', async () => {
    await expect(
      checkRootPaths([{ key: 'data/0', path: '/' }], { stateDir: join(base, 'state'), homes: [] }),
    ).rejects.toEqual(refused('destination root data/0 (/) is the root directory'));
  });

  test.each([
    ['source/data', 'is the source root'],
    ['source/data/x', 'is inside the source root'],
    ['source', 'holds the source root'],
  ])('%s %s', async (path, message) => {
    await expect(check([path], sourceAt('source/data'))).rejects.toEqual(refused(message));
  });

  test('a source on another machine, or in a container, has paths of its own', async () => {
    const here = sourceAt('source/data').source;
    await check(['source/data'], { source: { ...here, machine: 'other' } });
    await check(['source/data'], { source: { ...here, machine: '', ownMachine: '' } });
    const ino = statSync(join(base, 'source/data'), { bigint: true }).ino;
    await check(['source/data'], sourceAt('source/data', { ino: String(ino + 1n) }));
    await expect(check(['source/data'], sourceAt('source/data', { ino: String(ino) }))).rejects.toEqual(
      refused('is the source root'),
    );
  });

  test.each([
    [['a', 'a'], 'data/1', 'is the root data/0'],
    [['a', 'a/b/new'], 'data/1', 'is inside the root data/0'],
    [['a/b', 'a'], 'data/1', 'holds the root data/0'],
  ])('%j', async (paths, key, message) => {
    await expect(check(paths)).rejects.toEqual(refused(`${key} (${base}/${paths[1]}) ${message}`));
  });

  test.each(['a/b', 'a/b/backup', 'a'])('the backup directory lies outside: %s', async (backup) => {
    await expect(check(['a/b'], { backupDir: join(base, backup) })).rejects.toEqual(refused('the backup directory'));
  });

  test.each([
    ['state', 'is the state directory'],
    ['state/backup', 'is inside the state directory'],
    ['source/data', 'is the source root'],
    ['source/data/x', 'is inside the source root'],
  ])('the backup directory cannot be %s', async (backup, message) => {
    const around = { ...sourceAt('source/data'), stateDir: join(base, 'state'), backupDir: join(base, backup) };
    await expect(check(['a/b'], around)).rejects.toEqual(refused(message));
  });

  test('a path that only looks alike is allowed', async () => {
    mkdirSync(join(base, 'a/bb'));
    await check(['a/b', 'a/bb', 'a/new'], { ...sourceAt('source/data'), backupDir: join(base, 'backup') });
    await check(['home/ann/data']); // inside a home is where tests and laptops keep theirs
    await check(['a'], { stateDir: join(base, 'not/there/yet') });
  });

  test('a link does not hide the state directory', async () => {
    symlinkSync('a/b', join(base, 'link'));
    await expect(check(['a/b'], { stateDir: join(base, 'link/state') })).rejects.toEqual(
      refused('holds the state directory'),
    );
  });
});

const canUnshare = geteuid?.() === 0 && spawnSync('unshare', ['-m', 'true']).status === 0;

(canUnshare ? test : test.skip)('a bind mount does not hide the source root', () => {
  const script = `
    import { checkRootPaths } from '${new URL('../../dist/modules/guards/guard-roots.js', import.meta.url)}';
    const source = { machine: 'm', ownMachine: 'm', roots: [{ path: '${base}/source' }], guesses: true };
    const roots = [{ key: 'data/0', path: '${base}/a/b/data' }];
    await checkRootPaths(roots, { stateDir: '${base}/state', homes: [], source }).catch((error) => console.log(error.message));`;
  const mount = `mount --bind '${base}/source' '${base}/a/b' && exec "$@"`;
  const node = [execPath, '--input-type=module', '-e', script];
  const { stdout } = spawnSync('unshare', ['-m', 'sh', '-c', mount, 'sh', ...node], { encoding: 'utf8' });
  expect(stdout).toContain('is inside the source root');
});

test('the backup directory is on the file system of the roots', async () => {
  const other = ['/dev/shm', '/proc'].find((path) => statSync(path).dev !== statSync(base).dev)!;
  const around = { stateDir: join(base, 'state'), homes: [], backupDir: `${other}/not/there` };
  await expect(checkRootPaths([{ key: 'data/0', path: join(base, 'a') }], around)).rejects.toEqual(
    refused('is on another file system than data/0'),
  );
});

test('a home that does not exist, or cannot be one, refuses nothing', async () => {
  const homes = ['/nonexistent', '/dev/null', '/dev/null/x', join(base, 'file/x')];
  await checkRootPaths([{ key: 'data/0', path: join(base, 'a') }], { stateDir: join(base, 'state'), homes });
});

test('homes are those of people and of root; a service may keep its data in its own', () => {
  const passwd = [
    'root:x:0:0:root:/root:/bin/bash',
    'bin:x:2:2:bin:/bin:/usr/sbin/nologin',
    'redis:x:112:118::/var/lib/redis:/usr/sbin/nologin',
    'ann:x:1000:1000:Ann,,,:/home/ann:/bin/bash',
    'odd:x:1001:1001:::/bin/sh',
    '',
  ].join('\n');
  expect(homesIn(passwd, undefined)).toEqual(['/root', '/home/ann']);
  expect(homesIn(passwd, '/home/ann')).toEqual(['/root', '/home/ann']);
  expect(homesIn(passwd, '/srv/ben')).toEqual(['/root', '/home/ann', '/srv/ben']);
  expect(homesIn(passwd, '/var/lib/redis')).toEqual(['/root', '/home/ann']);
  expect(homesIn('', '')).toEqual([]);
});
