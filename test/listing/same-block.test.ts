// That what is read from two equal lines is what parsing both of them finds.

import { expect, test } from '@jest/globals';
import type { Entry } from '../../src/files/entry.js';
import type { Block } from '../../src/files/listing.js';
import { blockLine, blockOf } from '../../src/listing/listing-lines.js';
import { filesOfBoth } from '../../src/listing/same-block.js';

const entry = (name: string, changes: Partial<Entry> = {}): Entry => ({
  ...{ name, kind: 'file', size: '5', mtimeNs: '1700000000123456789', mode: 0o100644, ino: '11' },
  ...{ owner: { uid: 7, gid: 8 }, target: undefined, ctimeNs: '1700000000223456789', links: 1 },
  allocated: undefined,
  ...changes,
});

const entries = [
  entry('a'),
  entry('b "quoted"', { mtimeNs: '-5', links: 3 }),
  entry('dir', { kind: 'directory', mode: 0o40755, size: '0' }),
  entry('link', { kind: 'link', mode: 0o120777, size: '0', target: 'a' }),
  entry('z', { size: '0', ino: undefined, mtimeNs: '1700000000123456001' }),
];

/** As another host lists them: other inodes and ctimes, and times that differ below a microsecond. */
const elsewhere = entries.map((one, i) => ({
  ...one,
  ...{ ino: `${100 + i}`, ctimeNs: `${1_800_000_000_000_000_000n + BigInt(i)}`, links: 1 },
  ...(one.name === 'a' && { mtimeNs: '1700000000123456000' }),
}));

const line = (all: readonly Entry[], more: Partial<Block> = {}): Buffer =>
  Buffer.from(blockLine({ dir: 'data/0/t', entries: [...all], ...more }));

const parsed = (bytes: Uint8Array): Entry[] =>
  blockOf(JSON.parse(Buffer.from(bytes).toString()) as unknown[])
    .entries.filter(({ kind }) => kind === 'file')
    .map((one) => ({ ...one, owner: undefined }));

test.each<[string, Partial<Block>]>([
  ['', {}],
  [' and marks', { excluded: 2, device: '9' }],
])('the files of two equal lines%s', (_, marks) => {
  const [source, local] = [line(elsewhere, marks), line(entries)];
  const { dir, files } = filesOfBoth(source, local.subarray(0, -1));
  expect(dir).toBe('data/0/t');
  expect(files.map((pair) => pair.source)).toEqual(parsed(source));
  expect(files.map((pair) => pair.local)).toEqual(parsed(local));
});

test('a listing without ctimes has none of them', () => {
  const bare = entries.map((one) => ({ ...one, ctimeNs: undefined, links: undefined }));
  const { files } = filesOfBoth(line(bare), line(entries));
  expect(files.map(({ source }) => [source.ctimeNs, source.links])).toEqual(files.map(() => [undefined, undefined]));
});

test.each<[string, (text: string) => string]>([
  ['an inode that is no number', (text) => text.replace('"100"', '"x"')],
  ['an inode too few', (text) => text.replace('"100",', '')],
  ['nanoseconds that are none', (text) => text.replace(/\],\[\d+/, '],[1000')],
  ['no nanoseconds', (text) => text.slice(0, text.indexOf(',[', text.lastIndexOf('\t')))],
  ['a ctime that is no number', (text) => text.replace('"1800000000000000000"', '7')],
  ['a count of links that is none', (text) => text.replace('"links":[1', '"links":[-1')],
  ['an end that is not JSON', (text) => text.slice(0, -4)],
])('a line of the source with %s', (_, spoilt) => {
  const good = line(elsewhere).toString();
  expect(spoilt(good)).not.toBe(good);
  expect(() => filesOfBoth(Buffer.from(spoilt(good)), line(entries))).toThrow(
    expect.objectContaining({ code: 'protocol' }),
  );
});
