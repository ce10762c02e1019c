import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { compareKeys, parentOf, S_IFDIR, S_IFREG } from '../../../src/files/entry.js';
import type { Block, ListedBlock, Listing } from '../../../src/files/listing.js';
import type { Root } from '../../../src/files/roots.js';
import { readListing } from '../../../src/listing/listing.js';
import { blockLine, endLine, headerLine } from '../../../src/listing/listing-lines.js';
import { readSidecarListing } from '../../../src/source/sidecar/sidecar-listing.js';
import { createSpoolSort } from '../../../src/spool/spool-sort.js';
import { dirEntry, fileEntry } from '../../support/entries.js';
import { sealUp } from '../../support/seal-up.js';

const spool = mkdtempSync(join(tmpdir(), 'lm-spool-'));
afterAll(() => rmSync(spool, { recursive: true }));

const root = (type: Root['type'], index: number): Root => ({
  key: `${type}/${index}`,
  type,
  index,
  path: `/${type}${index}`,
});
const ROOTS = [root('commitlog', 0), root('data', 0), root('data', 1)];
const P = '/api/v1/live-migration/files';
const MS = 1731000001456;

const file = (key: string, size = 1) => ({ fileUrl: `${P}/${key}`, size, fileType: 'FILE', lastModifiedTime: MS });
const dir = (key: string) => ({ fileUrl: `${P}/${key}`, size: -1, fileType: 'DIRECTORY', lastModifiedTime: MS });
type Info = ReturnType<typeof file>;

const documentOf = (files: Info[], more: object = {}): string =>
  JSON.stringify({ files, totalSize: files.reduce((sum, f) => sum + Math.max(0, f.size), 0), ...more });

async function* pieces(bytes: Uint8Array, size = 7): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

const read = (text: string, only?: string, pieceBytes = 7): Promise<Listing> =>
  readSidecarListing(pieces(Buffer.from(text), pieceBytes), { roots: ROOTS, spool, only });

async function blocksOf(listing: { blocks: AsyncIterable<Block | ListedBlock> }): Promise<Block[]> {
  const blocks: Block[] = [];
  for await (const one of listing.blocks) blocks.push('block' in one ? one.block()! : one);
  return blocks;
}

const names = (blocks: Block[]): [string, string[]][] => blocks.map((b) => [b.dir, b.entries.map(({ name }) => name)]);

const SMALL = documentOf([
  file('data/0/ks/t-0a1b/nb-1-big-Data.db', 6),
  dir('data/0/ks/t-0a1b'),
  file('commitlog/0/CommitLog-7-1731000000000.log', 33554432),
  dir('data/0/ks'),
  dir('data/0/empty'),
  file('data/0/ks/t-0a1b/empty', 0),
]);

describe('a document', () => {
  test('becomes blocks in our order, every directory and root with its own', async () => {
    const listing = await read(SMALL);
    expect(() => listing.totals()).toThrow('not been read');
    expect(names(await blocksOf(listing))).toEqual([
      ['commitlog/0', ['CommitLog-7-1731000000000.log']],
      ['data/0', ['empty', 'ks']],
      ['data/0/empty', []],
      ['data/0/ks', ['t-0a1b']],
      ['data/0/ks/t-0a1b', ['empty', 'nb-1-big-Data.db']],
      ['data/1', []],
    ]);
    expect(listing.totals()).toMatchObject({ entries: 6, bytes: 33554438, errors: 0 });
  });

  test('reports how many files have come, while it is read', async () => {
    const come: number[] = [];
    const progressed = (files: number) => void come.push(files);
    await readSidecarListing(pieces(Buffer.from(SMALL), 100), { roots: ROOTS, spool, progressed });
    expect(come.length).toBeGreaterThan(1);
    expect(come.reduce((sum, files) => sum + files)).toBe(6);
  });

  test('its entries know type, size and time to the millisecond, and nothing else', async () => {
    const [, data] = await blocksOf(await read(documentOf([dir('data/0/d'), file('data/0/f', 6)])));
    const all = { mtimeNs: '1731000001456000000', ino: undefined, owner: undefined };
    expect(data!.entries).toEqual([
      dirEntry('d', { ...all, mode: S_IFDIR }),
      fileEntry('f', { ...all, mode: S_IFREG, size: '6' }),
    ]);
  });

  test.each(['data/0/ks/t-0a1b', 'data/0/ks'])('with --only %s is what lies there and the way to it', async (only) => {
    const listing = await read(SMALL, only);
    expect(names(await blocksOf(listing))).toEqual([
      ['data/0', ['ks']],
      ['data/0/ks', ['t-0a1b']],
      ['data/0/ks/t-0a1b', ['empty', 'nb-1-big-Data.db']],
    ]);
    expect(listing.header.roots.map((r) => r.key)).toEqual(['data/0']);
  });

  test('passes the checks that a native listing has to pass', async () => {
    const listing = await read(SMALL);
    const lines = (await blocksOf(listing)).map(blockLine);
    const native = await readListing(pieces(sealUp(headerLine(listing.header), ...lines, endLine(listing.totals()))));
    expect(names(await blocksOf(native))).toHaveLength(6);
  });

  test('has its members in any order, unknown ones skipped, whatever the white space', async () => {
    const text = ` {"more":[{"a":"]}\\"","b":[1,{}]}],"totalSize" : 1 ,\n"x":null,"files":[ {"y":{},${JSON.stringify(file('data/0/f')).slice(1)} ] , "z":-1.5e3}\r\n`;
    expect(names(await blocksOf(await read(text)))).toContainEqual(['data/0', ['f']]);
  });

  test('of nothing is a listing of empty roots', async () => {
    const listing = await read('{"files":[],"totalSize":0}');
    expect(names(await blocksOf(listing))).toEqual([
      ['commitlog/0', []],
      ['data/0', []],
      ['data/1', []],
    ]);
    expect(listing.totals().entries).toBe(0);
  });

  test('with the entry of a root itself is read without it', async () => {
    const listing = await read(documentOf([dir('data/0/'), dir('data/0'), file('data/0/f')]));
    expect(names(await blocksOf(listing))).toContainEqual(['data/0', ['f']]);
    expect(listing.totals().entries).toBe(1);
  });

  test('with a name that cannot be served keeps it, and knows it', async () => {
    const listing = await read(
      documentOf([file('data/0/a b'), file('data/0/no%20', 0), file('data/0/SAI+aa+x.db'), dir('data/0/ü')]),
    );
    await blocksOf(listing);
    expect(listing.totals()).toMatchObject({ entries: 4, errors: 0 });
    expect(['data/0/a b', 'data/0/no%20', 'data/0/SAI+aa+x.db', 'data/0/ü'].map((key) => listing.serves!(key))).toEqual(
      [false, true, true, false],
    );
  });
});

describe('a document that cannot be right is refused', () => {
  test('cut at any byte', async () => {
    const bytes = Buffer.from(SMALL);
    for (let cut = 0; cut < bytes.length; cut++)
      await expect(read(SMALL.slice(0, cut), undefined, 64)).rejects.toMatchObject({ code: 'protocol' });
  });

  test('whatever the pieces it comes in, it is read alike', async () => {
    const whole = await blocksOf(await read(SMALL, undefined, 1 << 20));
    for (let size = 1; size < 200; size++) expect(await blocksOf(await read(SMALL, undefined, size))).toEqual(whole);
  });

  const url = (fileUrl: string) => JSON.stringify({ files: [{ ...file(''), fileUrl }], totalSize: 1 });
  test.each<[string, string, RegExp]>([
    [
      'a total that is not the sum',
      documentOf([file('data/0/f', 6)], { totalSize: 5 }),
      /totalSize is 5, its files sum up to 6/,
    ],
    ['no total', '{"files":[]}', /totalSize is undefined/],
    ['a total that is no number', '{"files":[],"totalSize":"0"}', /no whole number/],
    [
      'files that sum up to more than a total that came first',
      `{"totalSize":1,"files":[${JSON.stringify(file('data/0/f', 2))},`,
      /totalSize is 1, its files sum up to 2/,
    ],
    ['no files', '{"totalSize":0}', /no files/],
    ['nothing but white space', ' '.repeat((1 << 20) + 1), /white space/],
    ['white space within it', `{"files":[${'\n'.repeat((1 << 20) + 1)}`, /white space/],
    ['a foreign URL of a kilobyte', url(`/api/v1/snapshots/${'x'.repeat(1_000)}`), /^.{100,300}x…\W/],
    ['files that are no array', '{"files":{},"totalSize":0}', /no array/],
    ['files twice', '{"files":[],"files":[],"totalSize":0}', /files twice/],
    ['something behind it', '{"files":[],"totalSize":0}{', /unexpected/],
    ['a comma too many in it', '{"files":[],"totalSize":0,}', /not JSON/],
    ['a comma too many in its files', `{"files":[${JSON.stringify(file('data/0/f'))},],"totalSize":1}`, /JSON/],
    ['no comma between its files', `{"files":[{} {}],"totalSize":0}`, /unexpected/],
    ['another document', '["a"]', /unexpected/],
    ['a page', '<html></html>', /unexpected/],
    [
      'a file without a time',
      '{"files":[{"fileUrl":"x","size":1,"fileType":"FILE"}],"totalSize":1}',
      /lastModifiedTime/,
    ],
    ['a file without a size', documentOf([file('data/0/f', -1)]), /no size/],
    [
      'a size that is no number',
      '{"files":[{"fileUrl":"x","size":1.5,"fileType":"FILE","lastModifiedTime":1}]}',
      /size/,
    ],
    ['an unknown type', documentOf([{ ...file('data/0/f'), fileType: 'LINK' }]), /fileType/],
    ['a foreign URL', url('/api/v1/snapshots/x'), /no file of a live migration/],
    ['a climb', url(`${P}/data/0/../../etc/passwd`), /unsafe path/],
    ['a dot', url(`${P}/data/0/./x`), /unsafe path/],
    ['an empty component', url(`${P}/data/0/ks//x`), /unsafe path/],
    ['a NUL', url(`${P}/data/0/\0`), /unsafe path/],
    ['a lone surrogate', url(`${P}/data/0/x`).replace('0/x', '0/\\ud800'), /unsafe path/],
    ['a root that is a file', url(`${P}/data/0`), /is a file/],
    ['a root with a slash that is a file', url(`${P}/data/0/`), /is a file/],
  ])('%s', async (_, text, message) => {
    const error = await read(text, undefined, 1 + (text.length >> 10)).then(blocksOf, (e: unknown) => e);
    expect(error).toMatchObject({ code: 'protocol', message: expect.stringMatching(message) });
  });

  test('bytes that are not UTF-8', async () => {
    const bytes = Buffer.from(SMALL);
    bytes[bytes.indexOf('nb-1')] = 0xff;
    await expect(readSidecarListing(pieces(bytes), { roots: ROOTS, spool })).rejects.toThrow('not UTF-8');
  });

  test.each<[string, Info[], string]>([
    ['an entry twice', [file('data/0/f'), file('data/0/f')], 'it has data/0/f twice'],
    ['a file whose directory is not listed', [file('data/0/ks/f')], 'data/0/ks is not listed'],
    ['a directory whose parent is not listed', [dir('data/0/a'), dir('data/0/b/c')], 'data/0/b is not listed'],
    ['a file that holds another', [file('data/0/a'), file('data/0/a/b')], 'data/0/a is not listed'],
  ])('%s, as soon as its blocks are read', async (_, files, message) => {
    const listing = await read(documentOf(files));
    await expect(blocksOf(listing)).rejects.toThrow(message);
    expect(() => listing.totals()).toThrow();
  });

  test('a root that is not configured here is a matter of settings', async () => {
    const text = documentOf([file('hints/0/h')]);
    await expect(read(text)).rejects.toMatchObject({
      ...{ code: 'usage', kind: 'missing-root' },
      hint: expect.stringContaining('--root hints=DIR'),
    });
  });
});

describe('the spool sort', () => {
  const name = fc.constantFrom('a', 'a!', 'b', 'é', '\u{10000}', '\uffff', 'A', 'a.db');
  const key = fc.array(name, { minLength: 1, maxLength: 3 }).map((parts) => `data/0/${parts.join('/')}`);
  const entryOf = (k: string) =>
    fileEntry(k.slice(parentOf(k).length + 1), { size: '0', ino: undefined, owner: undefined });

  test('law: any keys, any run length, come back in order and all of them', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.uniqueArray(key, { maxLength: 60 }),
        fc.integer({ min: 1, max: 20 }),
        fc.integer({ min: 1, max: 200 }),
        async (keys, perRun, charactersPerRun) => {
          const sort = createSpoolSort(spool, perRun, charactersPerRun);
          for (const k of keys) sort.add(parentOf(k), entryOf(k));
          const found: string[] = [];
          for await (const block of sort.blocks())
            for (const { name } of block.entries) found.push(`${block.dir}/${name}`);
          const byDirThenName = (a: string, b: string) => compareKeys(parentOf(a), parentOf(b)) || compareKeys(a, b);
          expect(found).toEqual([...keys].sort(byDirThenName));
        },
      ),
      { seed: 2, numRuns: 200 },
    );
  });

  test('an entry that is in two runs is found', async () => {
    const sort = createSpoolSort(spool, 1);
    for (let i = 0; i < 2; i++) sort.add('data/0', entryOf('data/0/f'));
    await expect(blocksOf({ blocks: sort.blocks() })).rejects.toThrow('data/0/f twice');
  });

  test('an entry that comes again after a full block is found', async () => {
    const sort = createSpoolSort(spool);
    for (let i = 0; i < 1000; i++) sort.add('data/0', entryOf(`data/0/${1000 + i}`));
    sort.add('data/0', entryOf('data/0/1999'));
    await expect(blocksOf({ blocks: sort.blocks() })).rejects.toThrow('data/0/1999 twice');
  });

  test('leaves no file behind, and no more than 1,000 entries in a block', async () => {
    const sort = createSpoolSort(spool, 700);
    for (let i = 0; i < 2_500; i++) sort.add('data/0', entryOf(`data/0/${i}`));
    expect(readdirSync(spool)).toEqual([]);
    const lengths = (await blocksOf({ blocks: sort.blocks() })).map((block) => block.entries.length);
    expect(lengths).toEqual([1000, 1000, 500]);
  });

  test('names of a kilobyte come in blocks of their own, and back in order', async () => {
    const sort = createSpoolSort(spool, 100, 10_000);
    for (let i = 0; i < 40; i++) sort.add('data/0', entryOf(`data/0/${'x'.repeat(1_000)}${(i * 7) % 40}`));
    const blocks = await blocksOf({ blocks: sort.blocks() });
    const found = blocks.flatMap((block) => block.entries.map(({ name }) => name));
    expect(found).toHaveLength(40);
    expect(found).toEqual([...found].sort(compareKeys));
  });

  test('a spool that cannot be written to is a local error', () => {
    const sort = createSpoolSort(join(spool, 'missing'), 1);
    expect(() => sort.add('data/0', entryOf('data/0/f'))).toThrow(expect.objectContaining({ code: 'local' }));
  });
});
