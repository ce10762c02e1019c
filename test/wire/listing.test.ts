import { describe, expect, test } from '@jest/globals';
import {
  type Block,
  type ListingEnd,
  type ListingHeader,
  type Row,
  sumOf,
  type WalkedBlock,
} from '../../src/files/entry.js';
import { readListing } from '../../src/wire/listing.js';
import { blockLine, endLine, headerLine, progressLine } from '../../src/wire/listing-lines.js';
import { sealListing, sealUp } from '../support/seal-up.js';

const header: ListingHeader = {
  protocol: 1,
  agentId: 'a',
  machine: 'm',
  roots: [{ key: 'data/0', path: '/srv', ino: '2', mode: 0o40755, uid: 0, gid: 0 }],
  exclusions: { filesToExclude: [], dirsToExclude: [] },
};
const file = (name: string, size = '1'): Row => [name, size, '5', 0o100644, '7', 0, 0];
const dir = (name: string): Row => [name, '0', '5', 0o40755, '7', 0, 0];
const link = (name: string, target: string): Row => [name, '0', '5', 0o120777, '7', 0, 0, target];
const end = (entries: number, bytes: number): ListingEnd => ({
  entries,
  bytes,
  errors: 0,
  firstErrors: [],
  excluded: 0,
  firstExcluded: [],
  unnameable: [],
  devices: { 'data/0': '1' },
  touched: { files: 1, agoMs: 300, first: ['data/0/b'], written: ['data/0/b'] },
});

const good: Block[] = [
  { dir: 'data/0', rows: [dir('a'), file('b', '3'), dir('c')] },
  { dir: 'data/0/a', rows: [link('l', '../b'), file('é\n"')], excluded: 2 },
  { dir: 'data/0/c', rows: [], device: '9' },
];
const goodText = headerLine(header) + good.map(blockLine).join('') + progressLine(3) + endLine(end(5, 4));
const whole = sealListing(goodText);

async function* chunks(bytes: Buffer, size = 1 << 20): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function readAll(bytes: Buffer, size?: number): Promise<{ blocks: Block[]; end: ListingEnd }> {
  const listing = await readListing(chunks(bytes, size));
  const blocks: Block[] = [];
  for await (const listed of listing.blocks) blocks.push(listed.block()!);
  return { blocks, end: listing.end() };
}

describe('the listing reader', () => {
  test('reads back what was written, however it is cut', async () => {
    for (const size of [1, 2, 7, 64, 1 << 20]) expect((await readAll(whole, size)).blocks).toEqual(good);
  });

  test('a listing cut at any byte is never taken for a whole one', async () => {
    for (let cut = 0; cut < whole.length; cut++)
      await expect(readAll(whole.subarray(0, cut))).rejects.toMatchObject({ code: 'source' });
  });

  test('a listing with any bit of it flipped is taken for damaged, and none of its damage for what the source said', async () => {
    for (let at = 0; at < whole.length; at++)
      for (let bit = 0; bit < 8; bit++) {
        const bytes = Buffer.from(whole);
        bytes[at]! ^= 1 << bit;
        const seen: Block[] = [];
        const reading = (async () => {
          const listing = await readListing(chunks(bytes));
          expect(listing.header).toEqual(header);
          for await (const listed of listing.blocks) seen.push(listed.block()!);
        })();
        await expect(reading).rejects.toMatchObject({ code: 'source' });
        expect([[], good]).toContainEqual(seen);
      }
  }, 60_000);

  test('a stretch that is left out, seal and all, or comes twice, is missed', async () => {
    const lines = [headerLine(header), ...good.map(blockLine), endLine(end(5, 4))];
    const upTo = (count: number): number => sealUp(...lines.slice(0, count)).length;
    const pieces = lines.map((_, i) => sealUp(...lines).subarray(upTo(i), upTo(i + 1)));
    expect((await readAll(Buffer.concat(pieces))).blocks).toEqual(good);
    for (const [at, piece] of pieces.slice(0, -1).entries()) {
      const changed = [pieces.toSpliced(at, 1), pieces.toSpliced(at, 0, piece)];
      for (const each of changed) await expect(readAll(Buffer.concat(each))).rejects.toMatchObject({ code: 'source' });
    }
  });

  test('lines without a seal are not kept for ever', async () => {
    const endless = async function* () {
      yield Buffer.from(headerLine(header));
      for (let i = 0; i < 1_000; i++) yield Buffer.alloc(65_536, '\n');
    };
    await expect(readListing(endless())).rejects.toMatchObject({
      code: 'protocol',
      message: expect.stringMatching(/no checksum/),
    });
  });

  test('the proof is not to be had before the end', async () => {
    const listing = await readListing(chunks(whole));
    expect(() => listing.end()).toThrow(/not been read/);
  });

  const text = (...blocks: Block[]): string => headerLine(header) + blocks.map(blockLine).join('');
  const one = (rest: string): string => `${headerLine(header)}["data/0",${rest}]\n`;
  test.each([
    ['names out of order', text({ dir: 'data/0', rows: [file('b'), file('a')] }), /out of order/],
    ['a name twice', text({ dir: 'data/0', rows: [file('a'), file('a')] }), /out of order/],
    [
      'a name twice, in two blocks',
      text({ dir: 'data/0', rows: [file('a')] }, { dir: 'data/0', rows: [file('a')] }),
      /out of order/,
    ],
    [
      'a directory nobody announced',
      text({ dir: 'data/0', rows: [] }, { dir: 'data/0/x', rows: [] }),
      /where the end was due/,
    ],
    [
      'a directory announced and left out',
      text({ dir: 'data/0', rows: [dir('a')] }) + endLine(end(1, 0)),
      /never listed/,
    ],
    [
      'directories out of order',
      text({ dir: 'data/0', rows: [dir('a'), dir('b')] }, { dir: 'data/0/b', rows: [] }),
      /where data\/0\/a was due/,
    ],
    ['another root', text({ dir: 'data/1', rows: [] }), /where data\/0 was due/],
    ['a root left out', headerLine(header) + endLine(end(0, 0)), /never listed/],
    ['..', text({ dir: 'data/0', rows: [dir('..')] }), /unsafe path/],
    ['a slash in a name', text({ dir: 'data/0', rows: [file('a/b')] }), /unsafe path/],
    ['an empty name', text({ dir: 'data/0', rows: [file('')] }), /unsafe path/],
    ['NUL in a name', text({ dir: 'data/0', rows: [file('a\0b')] }), /unsafe path/],
    [
      'half a surrogate pair',
      `${headerLine(header)}["data/0",[["\\ud800","1","5",33188]],[[0,0,1]],["7"],[0]]\n`,
      /unsafe path/,
    ],
    ['a size that is a number', one('[["a",1,"5",33188]],[[0,0,1]],["7"],[0]'), /malformed row/],
    ['a row without an owner', one('[["a","1","5",33188]],[],["7"],[0]'), /malformed row/],
    [
      'an owner of more rows than there are',
      one('[["a","1","5",33188]],[[0,0,4000000000]],["7"],[0]'),
      /malformed row/,
    ],
    ['an owner of no row', one('[["a","1","5",33188]],[[0,0,1],[0,0,0]],["7"],[0]'), /malformed row/],
    ['a row without an inode', one('[["a","1","5",33188]],[[0,0,1]],[],[0]'), /malformed row/],
    ['a whole microsecond of nanoseconds', one('[["a","1","5",33188]],[[0,0,1]],["7"],[1000]'), /malformed row/],
    ['a row that is none', one('[0],[[0,0,1]],["7"],[0]'), /no block/],
    ['a negative size', text({ dir: 'data/0', rows: [file('a', '-1')] }), /malformed row/],
    ['a link without text', text({ dir: 'data/0', rows: [link('a', '').slice(0, 7) as Row] }), /malformed row/],
    [
      'counts that do not add up',
      text({ dir: 'data/0', rows: [file('a')] }) + endLine(end(2, 1)),
      /its end speaks of 2 entries/,
    ],
    ['bytes that do not add up', text({ dir: 'data/0', rows: [file('a')] }) + endLine(end(1, 2)), /and 2 bytes/],
    ['no JSON', `${headerLine(header)}<html>\n`, /not JSON/],
    ['another version', headerLine({ ...header, protocol: 2 }), /protocol/],
    [
      'bytes that are no text',
      Buffer.concat([Buffer.from(headerLine(header)), Buffer.from([0x22, 0xff, 0x22, 10])]),
      /UTF-8/,
    ],
  ])('refuses %s', async (_, listing, message) => {
    await expect(readAll(sealListing(listing))).rejects.toMatchObject({
      code: 'protocol',
      message: expect.stringMatching(message),
    });
  });
});

describe('a line that is compared instead of read', () => {
  const walked = (block: Block): WalkedBlock => ({
    sum: sumOf(block),
    line: Buffer.from(blockLine(block).trimEnd()),
    block: () => block,
  });
  const of = (row: Row, change: Partial<Record<number, Row[number]>>): Row => Object.assign([...row], change) as Row;
  const root = (...rows: Row[]): Block => ({ dir: 'data/0', rows });

  async function areSame(theirs: Block, ours: Block, owners = true): Promise<boolean> {
    const listing = await readListing(chunks(sealListing(headerLine(header) + blockLine(theirs))));
    for await (const listed of listing.blocks) return listed.isSameAs!(walked(ours), owners);
    throw new Error('no block');
  }

  const a = file('a', '3');
  test.each([
    ['the same row', a, a, true],
    ['another inode', a, of(a, { 4: '8' }), true],
    ['a time that differs below the microsecond', of(a, { 2: '5000' }), of(a, { 2: '5999' }), true],
    ['a time that differs by a microsecond', of(a, { 2: '5999' }), of(a, { 2: '6000' }), false],
    ['a time on the other side of 1970', of(a, { 2: '-1' }), of(a, { 2: '1' }), false],
    ['another name', a, file('b', '3'), false],
    ['another size', a, file('a', '4'), false],
    ['another mode', a, of(a, { 3: 0o100600 }), false],
    ['another owner', a, of(a, { 5: 1 }), false],
    ['another group', a, of(a, { 6: 1 }), false],
    ['another link text', link('a', 'x'), link('a', 'y'), false],
    ['a socket, which is for somebody to judge', of(a, { 3: 0o140755 }), of(a, { 3: 0o140755 }), false],
    ['unfinished work', file('.lm-0123456789abcdef.lm-part'), file('.lm-0123456789abcdef.lm-part'), false],
  ])('%s', async (_, theirs, ours, expected) => {
    expect(await areSame(root(theirs, file('z')), root(ours, file('z')))).toBe(expected);
  });

  test('owners only where they matter, and never one row more or less', async () => {
    expect(await areSame(root(a), root(of(a, { 5: 1 })), false)).toBe(true);
    expect(await areSame(root(a), root(a, file('b')), false)).toBe(false);
    expect(await areSame(root(a, file('b')), root(a), false)).toBe(false);
    expect(await areSame(root(a), { ...root(a), dir: 'data/1' })).toBe(false);
  });

  async function readComparing(text: string): Promise<ListingEnd> {
    const listing = await readListing(chunks(sealListing(text)));
    const mine = [...good];
    for await (const listed of listing.blocks) {
      const block = mine.shift();
      if (!block || !listed.isSameAs!(walked(block), true)) listed.block();
    }
    return listing.end();
  }

  test('proves order, parents and counts all the same', async () => {
    expect(await readComparing(goodText)).toEqual(end(5, 4));
    const lines = good.map(blockLine);
    const parent = good[0]!;
    const text = (...blocks: string[]): string => headerLine(header) + blocks.join('');
    await expect(readComparing(text(...lines) + endLine(end(5, 5)))).rejects.toThrow(/and 5 bytes/);
    await expect(readComparing(text(lines[0]!, lines[1]!) + endLine(end(5, 4)))).rejects.toThrow(/never listed/);
    await expect(readComparing(text(lines[0]!, lines[0]!))).rejects.toThrow(/out of order/);
    await expect(readComparing(text(blockLine({ ...parent, rows: [] }), lines[1]!))).rejects.toThrow(/was due/);
  });

  test('a line nobody looked at is missed at the end', async () => {
    const text = headerLine(header) + blockLine(root(a)) + endLine(end(1, 3));
    const listing = await readListing(chunks(sealListing(text)));
    await expect(async () => {
      for await (const _ of listing.blocks);
    }).rejects.toThrow(/never listed/);
  });
});
