import { describe, expect, test } from '@jest/globals';
import type { Block, ListingEnd, ListingHeader, Row } from '../../src/files/entry.js';
import { blockLine, endLine, headerLine, progressLine, readListing } from '../../src/wire/listing.js';

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

async function* chunks(text: string | Buffer, size = 1 << 20): AsyncGenerator<Uint8Array> {
  const bytes = Buffer.from(text);
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function readAll(text: string | Buffer, size?: number): Promise<{ blocks: Block[]; end: ListingEnd }> {
  const listing = await readListing(chunks(text, size));
  const blocks: Block[] = [];
  for await (const block of listing.blocks) blocks.push(block);
  return { blocks, end: listing.end() };
}

describe('the listing reader', () => {
  test('reads back what was written, however it is cut', async () => {
    for (const size of [1, 2, 7, 64, 1 << 20]) expect((await readAll(goodText, size)).blocks).toEqual(good);
  });

  test('a listing cut at any byte is never taken for a whole one', async () => {
    const bytes = Buffer.from(goodText);
    for (let cut = 0; cut < bytes.length; cut++)
      await expect(readAll(bytes.subarray(0, cut))).rejects.toMatchObject({
        code: expect.stringMatching(/source|protocol/),
      });
  });

  test('the proof is not to be had before the end', async () => {
    const listing = await readListing(chunks(goodText));
    expect(() => listing.end()).toThrow(/not been read/);
  });

  const text = (...blocks: Block[]): string => headerLine(header) + blocks.map(blockLine).join('');
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
    ['half a surrogate pair', headerLine(header) + '["data/0",[["\\ud800","1","5",33188,"7",0,0]]]\n', /unsafe path/],
    ['a size that is a number', headerLine(header) + '["data/0",[["a",1,"5",33188,"7",0,0]]]\n', /malformed row/],
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
    await expect(readAll(listing)).rejects.toMatchObject({ code: 'protocol', message: expect.stringMatching(message) });
  });
});
