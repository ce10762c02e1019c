import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { compareKeys, type Entry } from '../../src/files/entry.js';
import { type Block, type ListedBlock, sumOf, type WalkedBlock } from '../../src/files/listing.js';
import { mountFinder } from '../../src/linux/mount-points.js';
import { blockLine, isSameLine } from '../../src/listing/listing-lines.js';
import { matchRatio, meets, type PlanCounts } from '../../src/plan/counts.js';
import { diff } from '../../src/plan/diff.js';
import type { DiffPolicy } from '../../src/plan/differences.js';
import { dirEntry, entryWith } from '../support/entries.js';

/** A tree as a literal: a number is a file of that size, a string a link, an object a directory; or an entry's facts. */
type Node = number | string | { [name: string]: Node } | Facts;
interface Facts {
  '@': {
    size?: number;
    mtime?: number;
    mode?: number;
    uid?: number;
    excluded?: number;
    type?: number;
  };
  [name: string]: Node | Facts['@'];
}

const FILE = 0o100644;
const DIR = 0o40755;

function entryOf(name: string, node: Node): Entry {
  const facts = typeof node === 'object' && '@' in node ? (node as Facts)['@'] : {};
  const { mtime = 1_000_000, uid = 0 } = facts;
  const size = typeof node === 'number' ? node : (facts.size ?? 0);
  const type = typeof node === 'string' ? 0o120777 : typeof node === 'number' || facts.size !== undefined ? FILE : DIR;
  const mode = facts.type ?? (facts.mode === undefined ? type : (type & 0o170000) | facts.mode);
  const target = typeof node === 'string' ? node : undefined;
  return entryWith({ name, size: `${size}`, mtimeNs: `${mtime}`, mode, owner: { uid, gid: 0 }, target });
}

function* blocksOf(dir: string, node: { [name: string]: Node }): Generator<Block> {
  const facts = (node as Facts)['@'];
  const names = Object.keys(node)
    .filter((name) => name !== '@')
    .sort(compareKeys);
  const entries = names.map((name) => entryOf(name, node[name]!));
  const marks = {
    ...(facts?.excluded && { excluded: facts.excluded }),
  };
  // Two entries a block, so that blocks of one directory do not line up on both sides.
  yield { dir, entries: entries.slice(0, 2), ...marks };
  for (let at = 2; at < entries.length; at += 2) yield { dir, entries: entries.slice(at, at + 2) };
  for (const { name, kind } of entries)
    if (kind === 'directory') yield* blocksOf(`${dir}/${name}`, node[name] as { [name: string]: Node });
}

async function* listing(tree: { [name: string]: Node }, compares = true): AsyncGenerator<WalkedBlock & ListedBlock> {
  for (const block of blocksOf('data/0', tree)) {
    const sum = sumOf(block);
    const line = Buffer.from(blockLine(block));
    const takeIfSame: ListedBlock['takeIfSame'] = (walked, owners) =>
      walked.sum.isOrdinary && isSameLine(line, walked.line, owners);
    yield { block: () => block, sum, line, ...(compares && { takeIfSame }) };
  }
}

const POLICY: DiffPolicy = {
  compare: 'mtime',
  digested: [],
  digestsEmpty: false,
  timeUnit: 'us',
  canChown: true,
  opensInaccessible: false,
  keepsReplaced: false,
};

async function plan(source: object, local: object, policy: Partial<DiffPolicy> = {}, compares = true) {
  const said: string[] = [];
  const say =
    (verb: string) =>
    (dir: string, { name }: Entry, reason?: unknown): void =>
      void said.push(
        [verb, `${dir}/${name}`.slice('data/0/'.length) || '.', ...(typeof reason === 'string' ? [reason] : [])].join(
          ' ',
        ),
      );
  const counts = await diff(
    listing(source as { [name: string]: Node }, compares),
    listing(local as { [name: string]: Node }),
    { ...POLICY, ...policy },
    {
      remove: say('remove'),
      mkdir: say('mkdir'),
      fetch: say('fetch'),
      fix: say('fix'),
      finishDirectory: (dir, entry, _isNew, fix) => say('settle')(dir, entry, fix),
      check: (dir, entry, _local, fix) => say('check')(dir, entry, fix),
      left: () => {},
      part: say('part'),
    },
  );
  return { said, counts };
}

test('space is counted on the file system that a directory is on', async () => {
  const { counts } = await plan(
    { a: 1, d: { b: 1, e: { c: 1 } }, f: { g: 1 } },
    { d: { e: {}, old: 1 } },
    { mountOf: mountFinder([{ key: 'data/0/d' }, { key: 'data/0/f/never' }]) },
  );
  const inodes = [...counts.room].map(([key, room]) => [key, room.inodes, room.freedInodes]);
  expect(inodes.sort()).toEqual([
    ['data/0', 3, 0],
    ['data/0/d', 2, 1],
  ]);
});

describe('what a plan does', () => {
  test.each([
    ['nothing for equal trees', { a: 1, d: { b: 'x' } }, { a: 1, d: { b: 'x' } }, []],
    [
      'brings what is new',
      { a: 1, d: { e: {} } },
      {},
      ['fetch a new', 'mkdir d new', 'mkdir d/e new', 'settle d/e', 'settle d'],
    ],
    ['replaces another size', { a: 1 }, { a: 2 }, ['fetch a size']],
    ['replaces another time', { a: 1 }, { a: { '@': { size: 1, mtime: 2_000_000 } } }, ['fetch a mtime']],
    ['keeps a time equal to the microsecond', { a: 1 }, { a: { '@': { size: 1, mtime: 1_000_999 } } }, []],
    ['mends a mode', { a: 1 }, { a: { '@': { size: 1, mode: 0o600 } } }, ['fix a mode']],
    ['mends an owner', { a: 1 }, { a: { '@': { size: 1, uid: 5 } } }, ['fix a owner']],
    ['replaces a link', { a: 'x' }, { a: 'y' }, ['fetch a link-target']],
    ['mends the time of a link', { d: { '@': {}, a: 'x' } }, { d: { '@': {}, a: 'x' } }, []],
    [
      'removes extraneous entries, children first',
      {},
      { d: { e: { f: 1 } }, g: 1 },
      ['remove g foreign', 'remove d/e/f foreign', 'remove d/e foreign', 'remove d foreign'],
    ],
    [
      'removes a file where a directory is due',
      { a: { b: 1 } },
      { a: 5 },
      ['remove a kind', 'mkdir a kind', 'fetch a/b new', 'settle a'],
    ],
    [
      'removes a directory where a file is due',
      { a: 5 },
      { a: { b: 1 } },
      ['fetch a kind', 'remove a/b foreign', 'remove a kind'],
    ],
    [
      'removes a link where a directory is due',
      { a: { b: 1 } },
      { a: 'elsewhere' },
      ['remove a kind', 'mkdir a kind', 'fetch a/b new', 'settle a'],
    ],
    [
      'loses no empty directory, on either side, beside one that only the other has',
      { a: { x: 1 }, c: {}, e: 1 },
      { b: {}, e: {} },
      [
        ...['mkdir a new', 'mkdir c new', 'fetch e kind', 'fetch a/x new', 'settle a'],
        ...['remove b foreign', 'settle c', 'remove e kind'],
      ],
    ],
    ['settles a directory whose contents change', { d: { a: 1 } }, { d: { a: 2 } }, ['fetch d/a size', 'settle d']],
    [
      'finishes a directory from which something is removed',
      { d: {} },
      { d: { a: 2 } },
      ['remove d/a foreign', 'settle d'],
    ],
    [
      'settles a directory of another time, which blocks nothing',
      { d: {} },
      { d: { '@': { mtime: 5 } } },
      ['settle d'],
    ],
    [
      'keeps an extraneous directory in which something must stay',
      {},
      { d: { '@': { excluded: 1 }, a: 1, e: { f: 1 } }, z: {} },
      ['remove d/a foreign', 'remove d/e/f foreign', 'remove d/e foreign', 'remove z foreign'],
    ],
    ['keeps all extraneous directories above what must stay', {}, { d: { e: { '@': { excluded: 1 } } } }, []],
    ['hands over unfinished parts', {}, { '.lm-0123456789abcdef.lm-part': 3 }, ['part .lm-0123456789abcdef.lm-part']],
    ['passes over sockets at the source', { s: { '@': { type: 0o140755 } } }, {}, []],
    [
      'removes an extraneous socket, and its directory',
      { a: 1 },
      { a: 1, d: { s: { '@': { type: 0o140755 } } }, p: { '@': { type: 0o010644 } } },
      ['remove p foreign', 'remove d/s foreign', 'remove d foreign'],
    ],
    [
      'leaves a pipe that stands for one of the source, or for a socket',
      { d: { p: { '@': { type: 0o010644 } }, s: { '@': { type: 0o140755 } } } },
      { d: { p: { '@': { type: 0o010644 } }, s: { '@': { type: 0o010644 } } } },
      [],
    ],
    [
      'removes what has the name of a socket at the source',
      { a: { '@': { type: 0o140755 } }, b: { '@': { type: 0o140755 } } },
      { a: 1, b: { c: 1 } },
      ['remove a foreign', 'remove b/c foreign', 'remove b foreign'],
    ],
    [
      'replaces a device where a directory is due',
      { d: { a: 1 } },
      { d: { '@': { type: 0o020644 } } },
      ['remove d kind', 'mkdir d kind', 'fetch d/a new', 'settle d'],
    ],
    [
      'replaces a socket where a file is due',
      { s: 1 },
      { s: { '@': { type: 0o140755 } } },
      ['remove s kind', 'fetch s new'].map((l) => l.replace('s new', 's kind')),
    ],
  ])('%s', async (_, source, local, expected) => {
    expect((await plan(source, local)).said).toEqual(expected);
  });

  test('entries below a mount point are removed, and a mount point without a directory at the source is named', async () => {
    const isMountPoint = (key: string) => ['data/0/m', 'data/0/d/n', 'data/0/f'].includes(key);
    const { said, counts } = await plan({ m: {}, f: 1 }, { m: { a: 1, b: {} }, d: { n: {} }, f: {} }, { isMountPoint });
    expect(said).toContain('remove m/a foreign');
    expect(said).toContain('remove m/b foreign');
    expect(counts.mountsOnlyHere).toEqual(['data/0/f', 'data/0/d/n']);
  });

  describe('the root itself', () => {
    type Attributes = [mode: number, uid: number | null];
    const rootOf = ([mode, uid]: Attributes): Entry =>
      dirEntry('0', { mtimeNs: '0', mode: 0o40000 | mode, owner: uid === null ? undefined : { uid, gid: uid } });
    test.each<[string, Attributes, Attributes, boolean, string[], number]>([
      ['is left alone when it is right', [0o750, 5], [0o750, 5], true, [], 0],
      ['is given its mode', [0o700, 5], [0o755, 5], true, ['settle . mode'], 1],
      ['and its special bits', [0o3770, 5], [0o770, 5], false, ['settle . mode'], 1],
      ['is given its owner', [0o700, 5], [0o700, 0], true, ['settle . owner'], 1],
      ['but not by whoever may not', [0o700, 5], [0o700, 0], false, [], 0],
      ['gets its mode again where it had to be made accessible', [0o500, 5], [0o500, 0], false, ['settle .'], 0],
      ['which root had not', [0, 5], [0, 5], true, [], 0],
      ['is not compared where a Sidecar sends no attributes', [0, null], [0o700, 0], true, [], 0],
    ])('%s', async (_, source, local, canChown, expected, fixes) => {
      const roots = new Map([['data/0', { source: rootOf(source), local: rootOf(local) }]]);
      const { said, counts } = await plan(
        { d: { a: 1 } },
        { d: { a: 1 } },
        { roots, canChown, opensInaccessible: !canChown },
      );
      expect(said).toEqual(expected);
      expect([counts.fix, meets(counts, 1), meets(counts, 0.99)]).toEqual([fixes, fixes === 0, true]);
    });
  });

  test('without privilege owners are not compared', async () => {
    expect((await plan({ a: 1 }, { a: { '@': { size: 1, uid: 5 } } }, { canChown: false })).said).toEqual([]);
  });

  test('to the millisecond with a Sidecar', async () => {
    expect((await plan({ a: 1 }, { a: { '@': { size: 1, mtime: 1_999_999 } } }, { timeUnit: 'ms' })).said).toEqual([]);
  });

  test('by size alone a time is fixed, by checksum equal sizes are checked', async () => {
    const here = { a: { '@': { size: 1, mtime: 9_000_000 } } };
    expect((await plan({ a: 1 }, here, { compare: 'size' })).said).toEqual(['fix a mtime']);
    const final = { compare: 'size', checksTimes: true } as const;
    expect((await plan({ a: 1 }, here, final)).said).toEqual(['check a mtime']);
    expect((await plan({ a: 1 }, { a: 1 }, final)).said).toEqual([]);
    expect((await plan({ a: 1 }, here, { compare: 'checksum' })).said).toEqual(['check a mtime']);
    expect((await plan({ a: 1, b: 0 }, { a: 1, b: 0 }, { compare: 'checksum' })).said).toEqual(['check a']);
    expect((await plan({ a: 1 }, { a: 2 }, { compare: 'checksum' })).said).toEqual(['fetch a size']);
  });

  test('an empty file by digest, where its size may be wrong', async () => {
    const tree = { a: 1, b: 0, d: { e: 0 }, f: { g: 1 } };
    expect((await plan(tree, tree)).said).toEqual([]);
    expect((await plan(tree, tree, { digestsEmpty: true })).said).toEqual(['check b', 'check d/e', 'settle d']);
    expect((await plan({ a: 0 }, { a: 1 }, { digestsEmpty: true })).said).toEqual(['fetch a size']);
  });

  test('some types by digest, though sizes and times are equal', async () => {
    expect((await plan({ a: 1, b: 2 }, { a: 1, b: 3 }, { digested: ['data'] })).said).toEqual([
      'check a',
      'fetch b size',
    ]);
    expect((await plan({ a: 1 }, { a: 1 }, { digested: ['commitlog'] })).said).toEqual([]);
  });

  test('a file that a crash may have lost is checked although its size and time are equal', async () => {
    const needsDigest = (key: string) => key.endsWith('/a');
    expect((await plan({ a: 1, b: 1 }, { a: 1, b: 1 }, { needsDigest })).said).toEqual(['check a']);
    expect((await plan({ a: 1 }, { a: 2 }, { needsDigest })).said).toEqual(['fetch a size']);
  });

  test('a source entry with the name of a part is refused, and named', async () => {
    await expect(plan({ '.lm-0123456789abcdef.lm-part': 3 }, {})).rejects.toMatchObject({
      code: 'refused',
      message: expect.stringContaining('data/0/.lm-0123456789abcdef.lm-part'),
    });
  });
});

describe('the counts', () => {
  test('of a mixed plan', async () => {
    const { counts } = await plan({ a: 10, b: 20, d: { e: 5 } }, { a: 10, b: 21, x: { y: 7 } });
    expect(counts).toMatchObject({
      total: { entries: 4, bytes: 35 },
      matching: { entries: 1, bytes: 10 },
      download: { entries: 3, bytes: 25 },
      remove: { entries: 2, bytes: 7 },
      local: { entries: 4, bytes: 38 },
    });
    expect(matchRatio(counts)).toBeCloseTo(10 / 35);
  });

  test.each([
    ['nothing left', 1000, { download: 0 }, 1, true],
    ['an empty file is missing, below 1', 1000, { download: 1, missing: 0 }, 0.5, true],
    ['an empty file is missing, at 1', 1000, { download: 1, missing: 0 }, 1, false],
    ['equality meets it', 800, { download: 1 }, 0.8, true],
    ['a little less does not', 799, { download: 1 }, 0.8, false],
    ['a mode is wrong, at 1', 1000, { download: 0, fix: 1 }, 1, false],
    ['a mode is wrong, below 1', 1000, { download: 0, fix: 1 }, 0.99, true],
  ] as const)(
    'meets: %s',
    (_, matching, { download, fix = 0 }: { download: number; fix?: number; missing?: number }, threshold, expected) => {
      const counts = {
        total: { entries: 9, bytes: 1000 },
        matching: { entries: 1, bytes: matching },
        download: { entries: download, bytes: 1000 - matching },
        fix,
      } as PlanCounts;
      expect(meets(counts, threshold)).toBe(expected);
    },
  );

  test.each<[string, object, object, string[], number, boolean]>([
    ['brought by nobody, and out of the ratio', { a: 95, b: 5, hot: 400 }, { a: 95 }, ['fetch b new'], 0.95, true],
    [
      'an older copy counts for nothing',
      { a: 95, b: 5, hot: 9 },
      { a: 90, b: 5, hot: 3 },
      ['fetch a size'],
      0.05,
      true,
    ],
    ['nor does one that seems equal', { a: 1, hot: 400 }, { hot: 400 }, ['fetch a new'], 0, false],
    ['alone it is no success', { hot: 400 }, { hot: 400 }, [], 1, false],
    ['alone in its directory', { d: { hot: 400 } }, { d: {} }, [], 1, false],
    ['beside an empty file it is', { e: 0, hot: 400 }, { e: 0 }, [], 1, true],
    ['gone at the source, it is removed', { a: 1 }, { a: 1, hot: 400 }, ['remove hot foreign'], 1, true],
    ['of another kind here', { a: 1, hot: 1 }, { a: 1, hot: 'x' }, ['remove hot kind', 'fetch hot kind'], 0.5, true],
    [
      'no directory is',
      { a: 1, hot: { b: 1 } },
      { a: 1 },
      ['mkdir hot new', 'fetch hot/b new', 'settle hot'],
      0.5,
      true,
    ],
  ])('hot files: %s', async (_, source, local, said, ratio, met) => {
    const hot = { mayBeIn: () => true, has: (key: string) => key.endsWith('/hot') };
    const planned = await plan(source, local, { hot });
    expect(planned.said).toEqual(said);
    expect(matchRatio(planned.counts)).toBeCloseTo(ratio);
    expect(meets(planned.counts, 0.01)).toBe(met);
  });

  test('hot files are counted apart, by root, with the keys that hold matching down', async () => {
    const hot = { mayBeIn: () => true, has: (key: string) => key.endsWith('/hot') };
    const { counts } = await plan({ a: 1, b: 2, d: { hot: 400 }, hot: 100 }, { a: 1, hot: 7 }, { hot });
    expect(counts).toMatchObject({
      left: { entries: 2, bytes: 500 },
      download: { entries: 2, bytes: 2 },
      matching: { entries: 1, bytes: 1 },
      remove: { entries: 0 },
    });
    expect(counts.shares.get('data/0')).toEqual({
      total: { entries: 5, bytes: 503 },
      matching: { entries: 1, bytes: 1 },
      left: { entries: 2, bytes: 500 },
      firstMissing: ['data/0/b'],
      firstLeft: ['data/0/hot', 'data/0/d/hot'],
    });
  });

  test('0 of 0 is 1', async () => expect(matchRatio((await plan({}, {})).counts)).toBe(1));
});

test.each([
  [
    'gives its room back, but stands beside the new file for a while',
    false,
    { bytes: 4096, inodes: 1, replacements: [8192], beside: [8192] },
  ],
  ['takes up its room for good when it is kept', true, { bytes: 3 * 4096, inodes: 2, replacements: [], beside: [] }],
])('what is replaced %s', async (_, keepsReplaced, room) => {
  const { counts } = await plan({ a: 5000, b: 1 }, { a: 6000 }, { keepsReplaced });
  expect(counts.room.get('data/0')).toMatchObject(room);
});

describe('laws', () => {
  const names = fc.constantFrom('a', 'b', 'c', 'a!', 'é', '😀', '\uffee');
  const { tree } = fc.letrec<{ tree: object; node: unknown }>((tie) => ({
    tree: fc.dictionary(names, tie('node'), { maxKeys: 5 }),
    node: fc.oneof({ maxDepth: 3, depthSize: 'small' }, fc.nat(9), fc.constantFrom('x', 'y'), tie('tree')),
  }));

  test('a tree compared with itself needs nothing', async () => {
    await fc.assert(
      fc.asyncProperty(tree, async (t) => {
        const { said, counts } = await plan(t, t);
        expect(said).toEqual([]);
        expect(counts.matching).toEqual(counts.total);
      }),
    );
  });

  test('an equal block leads to the same plan as its paired entries', async () => {
    await fc.assert(
      fc.asyncProperty(tree, tree, fc.boolean(), async (source, local, alike) => {
        const here = alike ? { ...source, b: 1 } : local;
        for (const policy of [{}, { compare: 'checksum' }, { digested: ['data'] }, { asksEmpty: true }] as const)
          expect(await plan(source, here, policy)).toEqual(await plan(source, here, policy, false));
      }),
    );
  });

  test('every entry of either side counts once, and no directory is removed before its entries', async () => {
    await fc.assert(
      fc.asyncProperty(tree, tree, async (source, local) => {
        const { said, counts } = await plan(source, local);
        const { total, matching, download, fix, local: here, remove } = counts;
        expect(matching.entries + download.entries).toBe(total.entries);
        expect(fix).toBe(0);
        expect(here.entries - remove.entries).toBeGreaterThanOrEqual(0);
        const removed = said.filter((line) => line.startsWith('remove ')).map((line) => line.split(' ')[1]!);
        removed.forEach((key, i) => {
          expect(removed.slice(i + 1).some((later) => later.startsWith(`${key}/`))).toBe(false);
        });
      }),
    );
  });
});
