import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from '@jest/globals';
import { compareKeys, type Entry } from '../../src/files/entry.js';
import type { Block } from '../../src/files/listing.js';
import { findOutsideChanges, type OutsideOptions } from '../../src/guards/outside-changes.js';
import { mergeIntoWalk } from '../../src/guards/stored-walk.js';
import { blockLine, blockOf } from '../../src/listing/listing-lines.js';
import type { PlanSpools } from '../../src/plan/plan.js';
import { Spool } from '../../src/spool/spool.js';
import { readLines } from '../../src/state/journal/inventory.js';
import { dirEntry, entryWith, fileEntry, linkEntry } from '../support/entries.js';

const DIR = mkdtempSync(join(tmpdir(), 'lm-outside-'));
afterAll(() => rmSync(DIR, { recursive: true }));

/** By key below data/0: `size,time,inode` of a file; a link is `-> target`, a pipe `|`. Directories are those that hold something. */
type Tree = Record<string, string>;

function entryOf(name: string, facts: string): Entry {
  if (facts === 'dir') return dirEntry(name, { mtimeNs: '77' });
  if (facts === '|') return entryWith({ name, size: '0', mode: 0o10644 });
  if (facts.startsWith('->')) return linkEntry(name, 'target', { ino: facts.slice(3) });
  const [size, seconds, ino] = facts.split(',') as [string, string, string];
  return fileEntry(name, { size, mtimeNs: `${seconds}000000000`, ino });
}

function blocksOf(tree: Tree, perBlock = 2): Block[] {
  const dirs = new Map<string, Map<string, string>>([['data/0', new Map()]]);
  for (const [path, facts] of Object.entries(tree)) {
    const parts = `data/0/${path}`.split('/');
    for (let depth = 3; depth <= parts.length; depth++) {
      const [dir, name] = [parts.slice(0, depth - 1).join('/'), parts[depth - 1]!];
      if (!dirs.has(dir)) dirs.set(dir, new Map());
      dirs.get(dir)!.set(name, depth === parts.length ? facts : 'dir');
      if (depth === parts.length && facts === 'dir') dirs.set(`${dir}/${name}`, new Map());
    }
  }
  return [...dirs]
    .sort(([a], [b]) => compareKeys(a, b))
    .flatMap(([dir, names]) => {
      const entries = [...names].sort(([a], [b]) => compareKeys(a, b)).map(([name, facts]) => entryOf(name, facts));
      const blocks: Block[] = [{ dir, entries: entries.slice(0, perBlock) }];
      for (let at = perBlock; at < entries.length; at += perBlock)
        blocks.push({ dir, entries: entries.slice(at, at + perBlock) });
      return blocks;
    });
}

const linesFor = (tree: Tree, perBlock?: number): Buffer[] =>
  blocksOf(tree, perBlock).map((block) => Buffer.from(blockLine(block).trimEnd()));

let spools = 0;
function spoolOf(keys: string[]): Spool {
  const spool = new Spool(join(DIR, `spool${spools++}`), { entries: 2, bytes: 9 });
  for (const key of keys) {
    const path = `data/0/${key}`;
    spool.add(path.slice(0, path.lastIndexOf('/')), entryOf(key.split('/').at(-1)!, '1,1,1'));
  }
  return spool.finish();
}

interface Case {
  was: Tree;
  now: Tree;
  removed?: string[];
  fetched?: string[];
  planned?: Tree;
  crashed?: boolean;
  within?: string[];
  only?: string;
}

async function find({ was, now, removed = [], fetched = [], planned = {}, ...rest }: Case) {
  const options: OutsideOptions = {
    known: { lines: linesFor(was), within: rest.within ?? ['data/0'] },
    walk: linesFor(now, 3),
    only: rest.only,
    plan: {
      spools: {
        remove: spoolOf(removed),
        mkdir: spoolOf([]),
        bundle: spoolOf(fetched),
        big: spoolOf([]),
      } as PlanSpools,
    },
    planned: blocksOf(planned).map(({ dir, entries }): [string, Entry[]] => [dir, entries]),
    crashed: rest.crashed ?? false,
  };
  const { first, entries, remove, lost, gone } = await findOutsideChanges(options);
  const named = first.map(({ key, work }) => `${work} ${key.slice('data/0/'.length)}`);
  expect(entries).toBe(named.length);
  return { named, remove, lost, gone };
}

const KEPT: Tree = { a: '10,1,1', b: '20,2,2', 'd/x': '5,3,3', l: '-> 9' };

describe('outside changes', () => {
  test.each<[string, Case, string[]]>([
    ['nothing', { was: KEPT, now: KEPT }, []],
    ['a file the source does not have', { was: KEPT, now: { ...KEPT, n: '7,9,9' }, removed: ['n'] }, ['new n']],
    ['a file the source has otherwise', { was: KEPT, now: { ...KEPT, n: '7,9,9' }, fetched: ['n'] }, ['new n']],
    ['not a file the source has just so', { was: KEPT, now: { ...KEPT, n: '7,9,9' } }, []],
    [
      'a directory and what it holds',
      { was: KEPT, now: { ...KEPT, 'e/n': '7,9,9' }, removed: ['e', 'e/n'] },
      ['new e', 'new e/n'],
    ],
    ['an empty directory', { was: KEPT, now: { ...KEPT, e: 'dir' }, removed: ['e'] }, ['new e']],
    ['not a directory that stays for something excluded in it', { was: KEPT, now: { ...KEPT, e: 'dir' } }, []],
    ['a pipe that is to go', { was: KEPT, now: { ...KEPT, p: '|' }, removed: ['p'] }, ['new p']],
    ['another size', { was: KEPT, now: { ...KEPT, a: '11,1,1' }, fetched: ['a'] }, ['changed a']],
    ['another time', { was: KEPT, now: { ...KEPT, a: '10,2,1' }, fetched: ['a'] }, ['changed a']],
    ['another time, though the source has it so by now', { was: KEPT, now: { ...KEPT, a: '10,2,1' } }, ['changed a']],
    ['another inode', { was: KEPT, now: { ...KEPT, a: '10,1,8' } }, ['replaced a']],
    ['another link', { was: KEPT, now: { ...KEPT, l: '-> 8' } }, ['replaced l']],
    ['another kind', { was: KEPT, now: { ...KEPT, a: 'dir' } }, ['replaced a']],
    ['not unfinished bytes', { was: KEPT, now: { ...KEPT, '.lm-0123456789abcdef.lm-part': '1,1,1' } }, []],
    [
      'a directory named like them',
      {
        was: KEPT,
        now: { ...KEPT, '.lm-0123456789abcdef.lm-part/n': '1,1,1' },
        removed: ['.lm-0123456789abcdef.lm-part', '.lm-0123456789abcdef.lm-part/n'],
      },
      ['new .lm-0123456789abcdef.lm-part', 'new .lm-0123456789abcdef.lm-part/n'],
    ],
    [
      'not what lm was about to write',
      {
        was: KEPT,
        now: { ...KEPT, a: '11,1,8', n: '7,9,9', 'e/n': '1,1,1' },
        planned: { a: '11,1,5', n: '7,9,5', 'e/n': '1,1,5' },
        removed: ['n', 'e', 'e/n'],
      },
      [],
    ],
    [
      'what lm was about to write, and was written to afterwards',
      { was: KEPT, now: { ...KEPT, a: '11,9,8', n: '8,9,9' }, planned: { a: '11,1,5', n: '7,9,5' }, removed: ['n'] },
      ['changed a'.replace('changed', 'replaced'), 'new n'],
    ],
    [
      'not what lm was writing when the machine went down',
      { was: KEPT, now: { ...KEPT, a: '0,9,8' }, planned: { a: '11,1,5' }, crashed: true },
      [],
    ],
    [
      'not what nothing is known of',
      { was: { 'd/x': '5,3,3' }, now: { ...KEPT, 'd/n': '1,1,1' }, within: ['data/0/d'], removed: ['a', 'b', 'd/n'] },
      ['new d/n'],
    ],
    [
      'not what this run does not look at',
      { was: KEPT, now: { 'd/x': '6,3,3' }, only: 'data/0/d', fetched: ['d/x'] },
      ['changed d/x'],
    ],
  ])('%s', async (_, given, expected) => {
    expect((await find(given)).named).toEqual(expected);
  });

  test('what is removed of them is counted, and what is gone and copied again', async () => {
    const now = { a: '11,1,1', n: '7,9,9', 'd/x': '5,3,3', l: '-> 9' };
    const found = await find({ was: { ...KEPT, c: '1,1,1' }, now, removed: ['n'], fetched: ['a', 'b'] });
    expect(found).toEqual({
      named: ['changed a', 'new n'],
      remove: { entries: 1, bytes: 7 },
      lost: { entries: 2, bytes: 18 },
      gone: 1,
    });
  });
});

test.each<[string, string, Tree, Tree]>([
  ['changed', 'data/0/d', { 'd/x': '6,6,6', 'd/n/y': '1,1,1' }, { ...KEPT, 'd/x': '6,6,6', 'd/n/y': '1,1,1' }],
  ['new', 'data/0/c/n', { 'c/n': '6,6,6' }, { ...KEPT, 'c/n': '6,6,6' }],
  ['gone', 'data/0/d', {}, { a: '10,1,1', b: '20,2,2', l: '-> 9' }],
])('a part that is %s is put into the walk of the whole', async (_, only, part, expected) => {
  const { path } = await mergeIntoWalk(linesFor(KEPT), linesFor(part), only, DIR);
  const found = [...readLines(path)].map((line) => blockOf(JSON.parse(line.toString())));
  const pairs = (blocks: Block[]) => blocks.flatMap(({ dir, entries }) => entries.map((entry) => [dir, entry]));
  expect(pairs(found)).toEqual(pairs(blocksOf(expected)));
});
