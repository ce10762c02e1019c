import { execFileSync } from 'node:child_process';
import { chmodSync, fstatSync, lstatSync, mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { afterEach, describe, expect, jest, test } from '@jest/globals';
import { DirCache } from '../../src/files/dirfd.js';
import type { Block, ListingTotals } from '../../src/files/listing.js';
import type { Root } from '../../src/files/roots.js';
import { Ctimes } from '../../src/listing/ctimes.js';
import { walkBlocks } from '../../src/listing/walk.js';
import { compileFilter, excludeNothing } from '../../src/patterns/filter.js';
import { sandbox } from '../support/sandbox.js';
import { dir, file } from '../support/tree.js';

test('a root that is replaced while it is walked is not listed as a whole one', () => {
  const { source } = sandbox();
  const directories = Object.fromEntries(Array.from({ length: 50 }, (_, i) => [`d${i}`, dir({ file: 'x' })]));
  const path = source.write('data', { a: dir({}), ...directories });
  const walk = walkBlocks([{ key: 'data/0', type: 'data', index: 0, path }], excludeNothing, { entriesPerBlock: 1000 });
  walk.next(); // the root has been read
  walk.next(); // and `a`
  renameSync(path, `${path}-unmounted`);
  mkdirSync(path);
  expect(endOf(walk)).toMatchObject({
    errors: 1,
    firstErrors: [{ key: 'data/0', message: 'no longer the same directory' }],
  });
});

describe('a file that changed a moment before it is listed', () => {
  afterEach(() => void jest.restoreAllMocks());

  /** As a walk would tell it so many milliseconds after the tree was made. */
  function touchedAfter(elapsedMs: number) {
    const { source } = sandbox();
    const old = 1_000_000_000_000_000_000n;
    const path = source.write('data', {
      d: dir({ written: 'w' }),
      renamed: file({ content: 'r', mtimeNs: old }), // or given another mode, or another time
      ahead: file({ content: 'a', mtimeNs: 4n * old }),
    });
    const madeMs = lstatSync(`${path}/renamed`).ctimeMs;
    jest.spyOn(Date, 'now').mockReturnValue(Math.floor(madeMs) + elapsedMs);
    const root = { key: 'data/0', type: 'data', index: 0, path } as const;
    return endOf(walkBlocks([root], excludeNothing, { entriesPerBlock: 1000 })).touched;
  }

  test('is named, and separately if it was written to', () => {
    const { agoMs, ...touched } = touchedAfter(1_000);
    expect(touched).toEqual({
      files: 3,
      first: ['data/0/ahead', 'data/0/renamed', 'data/0/d/written'],
      written: ['data/0/d/written'],
    });
    expect(agoMs).toBeGreaterThan(900);
    expect(agoMs).toBeLessThanOrEqual(1_000);
  });

  test.each([
    ['two seconds later it is not', 2_100],
    ['nor is what bears a time to come, as after a clock was set back', -5_000],
  ])('%s', (_, elapsedMs) => {
    expect(touchedAfter(elapsedMs)).toEqual({ files: 0, agoMs: 0, first: [], written: [] });
  });
});

test('names come in the order of their bytes, not of JavaScript strings', () => {
  const { source } = sandbox();
  const path = source.write('data', { '\u{1f600}': 'x', '\uffee': 'x', 'a!': 'x', a: dir({}), é: 'x' });
  const walk = walkBlocks([{ key: 'data/0', type: 'data', index: 0, path }], excludeNothing, { entriesPerBlock: 1000 });
  const { entries } = walk.next().value as Block;
  expect(entries.map(({ name }) => name)).toEqual(['a', 'a!', 'é', '\uffee', '\u{1f600}']);
});

test('an excluded name that is not UTF-8 counts as excluded in its directory', () => {
  const { source } = sandbox();
  const path = source.write('data', { d: dir({}) });
  writeFileSync(Buffer.from(`${path}/d/\xff`, 'latin1'), '');
  const roots: Root[] = [{ key: 'data/0', type: 'data', index: 0, path }];
  const excludes = compileFilter({ exclusions: { filesToExclude: ['glob:**/d/*'], dirsToExclude: [] }, roots });
  const blocks = [...walkBlocks(roots, excludes, { entriesPerBlock: 1000 })];
  expect(blocks).toMatchObject([{ dir: 'data/0' }, { dir: 'data/0/d', entries: [], excluded: 1 }]);
});

test('a file with a size beyond 2\^53 is named, and the rest is listed', () => {
  const { source } = sandbox('/dev/shm'); // which lets a file state 2^63; a disk may not
  const path = source.write('data', { far: '', near: 'n' });
  execFileSync('truncate', ['--size', `${2n ** 53n}`, `${path}/far`]);
  const walk = walkBlocks([{ key: 'data/0', type: 'data', index: 0, path }], excludeNothing, { entriesPerBlock: 10 });
  const { value: block } = walk.next() as { value: Block };
  expect(block.entries.map(({ name }) => name)).toEqual(['near']);
  expect(walk.next().value).toMatchObject({ errors: 1, firstErrors: [{ key: 'data/0/far', message: 'EFBIG' }] });
});

describe('a lost+found of root at the top of a root', () => {
  const listed = (path: string) => {
    const root = { key: 'data/0', type: 'data', index: 0, path } as const;
    const blocks: Block[] = [];
    const walk = walkBlocks([root], excludeNothing, { entriesPerBlock: 1000 });
    for (let step = walk.next(); ; step = walk.next()) {
      if (step.done)
        return { names: blocks.flatMap(({ entries }) => entries.map(({ name }) => name)), end: step.value };
      blocks.push(step.value);
    }
  };
  const asRoot = process.getuid?.() === 0 ? test : test.skip;

  asRoot.each([
    ['is nothing when it is empty', { 'lost+found': dir({}) }, []],
    ['is like any other with something in it', { 'lost+found': dir({ '#12': 'x' }) }, ['lost+found', '#12']],
    ['and when it is no directory', { 'lost+found': 'x' }, ['lost+found']],
    ['or lies deeper', { d: dir({ 'lost+found': dir({}) }) }, ['d', 'lost+found']],
  ])('%s', (_, tree, names) => {
    const { source } = sandbox();
    const { end, ...found } = listed(source.write('data', tree));
    expect(found.names).toEqual(names);
    expect(end).toMatchObject({ excluded: 0, errors: 0 });
  });

  asRoot('is left out by name when it may not be looked into', () => {
    const { source } = sandbox();
    const path = source.write('data', { 'lost+found': dir({ '#12': 'x' }, { mode: 0o700 }), a: 'a' });
    const above: string[] = [];
    for (let at = path; at !== '/tmp' && at !== '/'; at = dirname(at)) above.push(at);
    for (const each of above) chmodSync(each, 0o755);
    process.seteuid!(65534);
    try {
      const { names, end } = listed(path);
      expect(names).toEqual(['a']);
      expect(end).toMatchObject({ errors: 0, excluded: 1, firstExcluded: ['data/0/lost+found'] });
    } finally {
      process.seteuid!(0);
    }
  });
});

function endOf(walk: Generator<unknown, ListingTotals>): ListingTotals {
  for (;;) {
    const step = walk.next();
    if (step.done) return step.value;
  }
}

describe('ctimes of a walk', () => {
  const listed = (path: string, ctimes: boolean) =>
    [
      ...walkBlocks([{ key: 'data/0', type: 'data', index: 0, path }], excludeNothing, {
        entriesPerBlock: 1000,
        ctimes,
      }),
    ]
      .flatMap(({ entries }) => entries)
      .filter(({ kind }) => kind === 'file')
      .map(({ ctimeNs }) => ctimeNs);

  test('are there on request', () => {
    const { source } = sandbox();
    const path = source.write('data', { a: 'x', d: dir({ b: 'y' }) });
    const ctimes = ['a', 'd/b'].map((name) => `${lstatSync(`${path}/${name}`, { bigint: true }).ctimeNs}`);
    expect(listed(path, true)).toEqual(ctimes);
    expect(listed(path, false)).toEqual([undefined, undefined]);
  });

  test('are 0 on a file system that does not take them from the kernel as disks do', () => {
    const ctimes = listed('/proc/tty', true);
    expect(ctimes.length).toBeGreaterThan(0);
    expect(new Set(ctimes)).toEqual(new Set(['0']));
  });

  test('are 0 for a file that is mounted from another', () => {
    const { source } = sandbox();
    const dirs = new DirCache([{ key: 'data/0', type: 'data', index: 0, path: source.write('data', {}) }]);
    const ctimes = new Ctimes();
    const handle = dirs.open('data/0');
    ctimes.enter(handle);
    const stat = fstatSync(handle.fd, { bigint: true });
    expect(ctimes.of(stat)).toBe(`${stat.ctimeNs}`);
    expect(ctimes.of(Object.assign(stat, { dev: stat.dev + 1n }))).toBe('0');
    dirs.close();
  });
});
