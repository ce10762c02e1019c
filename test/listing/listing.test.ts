import { describe, expect, test } from '@jest/globals';
import type { Entry } from '../../src/files/entry.js';
import {
  type Block,
  type ListingHeader,
  type ListingTotals,
  sumOf,
  type WalkedBlock,
} from '../../src/files/listing.js';
import { readListing } from '../../src/listing/listing.js';
import { blockLine, endLine, headerLine, progressLine } from '../../src/listing/listing-lines.js';
import { ListingSize } from '../../src/listing/listing-size.js';
import { dirEntry as dir, fileEntry as file, linkEntry as link } from '../support/entries.js';
import { LONG } from '../support/form.js';
import { sealListing, sealUp } from '../support/seal-up.js';

const header: ListingHeader = {
  protocol: 1,
  features: [],
  agentId: 'a',
  machine: 'm',
  roots: [{ key: 'data/0', path: '/srv', ino: '2', mode: 0o40755, uid: 0, gid: 0 }],
  exclusions: { filesToExclude: [], dirsToExclude: [] },
};
const end = (entries: number, bytes: number): ListingTotals => ({
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
  { dir: 'data/0', entries: [dir('a'), file('b', { size: '3' }), dir('c')] },
  { dir: 'data/0/a', entries: [link('l', '../b'), file('é\n"')], excluded: 2 },
  { dir: 'data/0/c', entries: [], device: '9' },
];
/** Stands in for the marks before a value that a newer agent adds to a block's line. */
const marksOf = ({ excluded, device }: Block): string => (excluded || device ? '' : ',null');
const goodText = headerLine(header) + good.map(blockLine).join('') + progressLine(3) + endLine(end(5, 4));
const whole = sealListing(goodText);

async function* chunks(bytes: Buffer, size = 1 << 20): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function readAll(bytes: Buffer, size?: number): Promise<{ blocks: Block[]; end: ListingTotals }> {
  const listing = await readListing(chunks(bytes, size));
  const blocks: Block[] = [];
  for await (const listed of listing.blocks) blocks.push(listed.block()!);
  return { blocks, end: listing.totals() };
}

describe('the listing reader', () => {
  test('reads back what was written, however it is cut', async () => {
    for (const size of [1, 2, 7, 64, 1 << 20]) expect((await readAll(whole, size)).blocks).toEqual(good);
  });

  test('reads back the time of a file in the year 9999, and before the year 1', async () => {
    const entries = [file('a', { mtimeNs: '253402300798000000001' }), file('b', { mtimeNs: '-99999999999000000001' })];
    const text = headerLine(header) + blockLine({ dir: 'data/0', entries }) + endLine(end(2, 2));
    expect((await readAll(sealListing(text))).blocks).toEqual([{ dir: 'data/0', entries }]);
  });

  test('of a newer agent gives what is known here, and the names of the features that are not', async () => {
    const features = ['holes-by-block', 'checksums'];
    const newer = { ...header, features, clock: 'utc' } as ListingHeader;
    const text =
      headerLine(newer) +
      good.map((block) => blockLine(block).replace(/]\n$/, `${marksOf(block)},{"blocks":[]}]\n`)).join('') +
      `${JSON.stringify({ type: 'checksums', of: 'data/0' })}\n` +
      endLine({ ...end(5, 4), checksums: 1 } as ListingTotals);
    const listing = await readListing(chunks(sealListing(text)));
    expect(listing.header).toEqual({ ...header, features });
    const { blocks, end: proof } = await readAll(sealListing(text));
    expect(blocks).toEqual(good);
    expect(proof).toEqual(end(5, 4));
  });

  test.each([
    ['too few ctimes', '{"ctimes":["1"]}'],
    ['a ctime that is no time', '{"ctimes":["1","x"]}'],
    ['links that are no list', '{"links":7}'],
    ['a negative count of links', '{"links":[1,-1]}'],
    ['space that is no list', '{"allocated":4096}'],
    ['space of no entry', '{"allocated":[["a",4096]]}'],
    ['negative space', '{"allocated":[[0,-1]]}'],
  ])('refuses %s', async (_, asked) => {
    const line = blockLine({ dir: 'data/0', entries: [file('a'), file('b')] }).replace(/]\n$/, `,null,${asked}]\n`);
    const text = headerLine(header) + line + endLine(end(2, 2));
    await expect(readAll(sealListing(text))).rejects.toMatchObject({ code: 'protocol' });
  });

  test('of an older agent has no features', async () => {
    const { features: _, ...older } = header;
    const listing = await readListing(chunks(sealListing(headerLine(older as ListingHeader) + endLine(end(0, 0)))));
    expect(listing.header).toEqual(header);
  });

  test('a listing cut at any byte is never taken for a whole one', async () => {
    for (let cut = 0; cut < whole.length; cut++)
      await expect(readAll(whole.subarray(0, cut))).rejects.toMatchObject({ code: 'source' });
  });

  // The short form flips one bit of each byte, each of its bits in turn.
  test('a listing with any bit of it flipped counts as damaged, and no damage as an error of the source', async () => {
    for (let at = 0; at < whole.length; at++)
      for (let bit = LONG ? 0 : at % 8; bit < 8; bit += LONG ? 1 : 8) {
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
  });

  test('a stretch that is missing with its seal, or comes twice, is noticed', async () => {
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

  test('more directories than there is memory for end the reading with an error about the memory of this host', async () => {
    const entries = ['a', 'b', 'c', 'd'].map((name) => dir(name));
    const size = new ListingSize(3 * 500);
    const listing = await readListing(
      chunks(sealListing(headerLine(header) + blockLine({ dir: 'data/0', entries }))),
      undefined,
      size,
    );
    const reading = (async () => {
      for await (const listed of listing.blocks) listed.block();
    })();
    await expect(reading).rejects.toMatchObject({
      code: 'local',
      message: 'the source lists more than 3 directories, for which this process has no memory',
      hint: expect.stringContaining('--only'),
    });
  });

  test('more entries than any host has are no listing', () => {
    const size = new ListingSize();
    size.addEntries(1e9);
    expect(() => size.addEntries(1)).toThrow(expect.objectContaining({ code: 'protocol' }));
  });

  test('an error message is one short line without control characters', async () => {
    const evil = '\u001b[2J'.repeat(100);
    const text = headerLine(header) + endLine({ ...end(0, 0), devices: { [evil]: 'x' } });
    const error = (await readAll(sealListing(text)).catch((e: unknown) => e)) as Error;
    expect(error).toMatchObject({ code: 'protocol', message: expect.stringMatching(/devices\.\\u\{1b\}\[2J/) });
    expect(error.message).not.toMatch(/[\p{Cc}]/u);
    expect(error.message.length).toBeLessThan(2_000);
  });

  test('there are no totals before the end', async () => {
    const listing = await readListing(chunks(whole));
    expect(() => listing.totals()).toThrow(/not been read/);
  });

  const text = (...blocks: Block[]): string => headerLine(header) + blocks.map(blockLine).join('');
  const one = (rest: string): string => `${headerLine(header)}["data/0",${rest}]\n`;
  test.each([
    ['names out of order', text({ dir: 'data/0', entries: [file('b'), file('a')] }), /out of order/],
    ['a name twice', text({ dir: 'data/0', entries: [file('a'), file('a')] }), /out of order/],
    [
      'a name twice, in two blocks',
      text({ dir: 'data/0', entries: [file('a')] }, { dir: 'data/0', entries: [file('a')] }),
      /out of order/,
    ],
    [
      'a directory nobody announced',
      text({ dir: 'data/0', entries: [] }, { dir: 'data/0/x', entries: [] }),
      /where the end was due/,
    ],
    [
      'a directory announced and left out',
      text({ dir: 'data/0', entries: [dir('a')] }) + endLine(end(1, 0)),
      /never listed/,
    ],
    [
      'directories out of order',
      text({ dir: 'data/0', entries: [dir('a'), dir('b')] }, { dir: 'data/0/b', entries: [] }),
      /where data\/0\/a was due/,
    ],
    ['another root', text({ dir: 'data/1', entries: [] }), /where data\/0 was due/],
    ['a root left out', headerLine(header) + endLine(end(0, 0)), /never listed/],
    ['..', text({ dir: 'data/0', entries: [dir('..')] }), /unsafe path/],
    ['a slash in a name', text({ dir: 'data/0', entries: [file('a/b')] }), /unsafe path/],
    ['an empty name', text({ dir: 'data/0', entries: [file('')] }), /unsafe path/],
    ['NUL in a name', text({ dir: 'data/0', entries: [file('a\0b')] }), /unsafe path/],
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
    ['a negative size', text({ dir: 'data/0', entries: [file('a', { size: '-1' })] }), /malformed row/],
    ['a link without text', text({ dir: 'data/0', entries: [link('a', '', { target: undefined })] }), /malformed row/],
    [
      'counts that do not add up',
      text({ dir: 'data/0', entries: [file('a')] }) + endLine(end(2, 1)),
      /its end speaks of 2 entries/,
    ],
    ['bytes that do not add up', text({ dir: 'data/0', entries: [file('a')] }) + endLine(end(1, 2)), /and 2 bytes/],
    ['no JSON', `${headerLine(header)}<html>\n`, /not JSON/],
    ['features without end', headerLine({ ...header, features: Array(101).fill('a') }), /features/],
    ['a feature without end', headerLine({ ...header, features: ['a'.repeat(101)] }), /features/],
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
  const but = (entry: Entry, changes: Partial<Entry>): Entry => ({ ...entry, ...changes });
  const root = (...entries: Entry[]): Block => ({ dir: 'data/0', entries });

  async function areSame(theirs: Block, ours: Block, owners = true): Promise<boolean> {
    const listing = await readListing(chunks(sealListing(headerLine(header) + blockLine(theirs))));
    for await (const listed of listing.blocks) return listed.takeIfSame!(walked(ours), owners);
    throw new Error('no block');
  }

  const a = file('a', { size: '3' });
  test.each([
    ['the same entry', a, a, true],
    ['another inode', a, but(a, { ino: '8' }), true],
    ['a time that differs below the microsecond', but(a, { mtimeNs: '5000' }), but(a, { mtimeNs: '5999' }), true],
    ['a time that differs by a microsecond', but(a, { mtimeNs: '5999' }), but(a, { mtimeNs: '6000' }), false],
    ['a time on the other side of 1970', but(a, { mtimeNs: '-1' }), but(a, { mtimeNs: '1' }), false],
    ['another name', a, file('b', { size: '3' }), false],
    ['another size', a, file('a', { size: '4' }), false],
    ['another mode', a, but(a, { mode: 0o100600 }), false],
    ['another owner', a, but(a, { owner: { uid: 1, gid: 0 } }), false],
    ['another group', a, but(a, { owner: { uid: 0, gid: 1 } }), false],
    ['another link text', link('a', 'x'), link('a', 'y'), false],
    [
      'a socket, which is for somebody to judge',
      but(a, { kind: 'other', mode: 0o140755 }),
      but(a, { kind: 'other', mode: 0o140755 }),
      false,
    ],
    ['unfinished work', file('.lm-0123456789abcdef.lm-part'), file('.lm-0123456789abcdef.lm-part'), false],
  ])('%s', async (_, theirs, ours, expected) => {
    expect(await areSame(root(theirs, file('z')), root(ours, file('z')))).toBe(expected);
  });

  test('owners only where they matter, and never one entry more or less', async () => {
    expect(await areSame(root(a), root(but(a, { owner: { uid: 1, gid: 0 } })), false)).toBe(true);
    expect(await areSame(root(a), root(a, file('b')), false)).toBe(false);
    expect(await areSame(root(a, file('b')), root(a), false)).toBe(false);
    expect(await areSame(root(a), { ...root(a), dir: 'data/1' })).toBe(false);
  });

  async function readComparing(text: string): Promise<ListingTotals> {
    const listing = await readListing(chunks(sealListing(text)));
    const mine = [...good];
    for await (const listed of listing.blocks) {
      const block = mine.shift();
      if (!block || !listed.takeIfSame!(walked(block), true)) listed.block();
    }
    return listing.totals();
  }

  test('is checked for order, parents and counts all the same', async () => {
    expect(await readComparing(goodText)).toEqual(end(5, 4));
    const lines = good.map(blockLine);
    const parent = good[0]!;
    const text = (...blocks: string[]): string => headerLine(header) + blocks.join('');
    await expect(readComparing(text(...lines) + endLine(end(5, 5)))).rejects.toThrow(/and 5 bytes/);
    await expect(readComparing(text(lines[0]!, lines[1]!) + endLine(end(5, 4)))).rejects.toThrow(/never listed/);
    await expect(readComparing(text(lines[0]!, lines[0]!))).rejects.toThrow(/out of order/);
    await expect(readComparing(text(blockLine({ ...parent, entries: [] }), lines[1]!))).rejects.toThrow(/was due/);
  });

  test('a line that was skipped makes the totals wrong', async () => {
    const text = headerLine(header) + blockLine(root(a)) + endLine(end(1, 3));
    const listing = await readListing(chunks(sealListing(text)));
    await expect(async () => {
      for await (const _ of listing.blocks);
    }).rejects.toThrow(/never listed/);
  });
});
