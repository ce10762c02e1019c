import { expect, test } from '@jest/globals';
import { FileBlocks } from '../../src/transfer/parts/file-blocks.js';

const MiB = 1024 * 1024;

/** The hash of block n is n eight times. */
const hashes = (...blocks: number[]): Uint8Array => Uint8Array.from(blocks.flatMap((n) => Array(8).fill(n)));

function file(bytes: number, ...parts: [offsetMiB: number, ctimeNs: string, ...blocks: number[]][]): FileBlocks {
  const all = new FileBlocks(bytes);
  for (const [offset, ctimeNs, ...blocks] of parts)
    all.add({ offset: offset * MiB, blocks: hashes(...blocks), ctimeNs });
  return all;
}

test('all blocks of one state prove a file, in whatever order they come', () => {
  expect(file(3 * MiB + 1, [2, '7', 3, 4], [0, '7', 1, 2]).whole()).toEqual({
    ctimeNs: '7',
    blocks: hashes(1, 2, 3, 4),
  });
  expect(file(MiB, [0, '7', 9], [0, '7', 1]).whole()?.blocks).toEqual(hashes(1)); // fetched again
  expect(file(2 * MiB, [0, '7', 9], [0, '8', 1], [1, '8', 2]).whole()?.ctimeNs).toBe('8'); // of another state
});

test.each<[string, FileBlocks]>([
  ['a block that is missing', file(3 * MiB, [0, '7', 1], [2, '7', 3])],
  ['the last, shorter block', file(3 * MiB + 1, [0, '7', 1, 2, 3])],
  ['two states', file(2 * MiB, [0, '7', 1], [1, '8', 2])],
  ['no block at all', file(0)],
  ['more blocks than the file has', file(2 * MiB, [0, '7', 1, 2], [1, '7', 2, 3])],
  ['an offset within a block', file(2 * MiB, [0, '7', 1, 2], [0.5, '7', 1])],
])('nothing is proved with %s', (_, blocks) => {
  expect(blocks.whole()).toBeUndefined();
});

test('nor with blocks that were young, or came without hashes', () => {
  const blocks = file(2 * MiB, [0, '7', 1, 2]);
  expect(blocks.whole()).toBeDefined();
  blocks.add({ offset: MiB, blocks: hashes(2), ctimeNs: '7' }, true);
  expect([blocks.whole(), blocks.isSpoiled]).toEqual([undefined, true]);
  blocks.add({ offset: MiB, blocks: hashes(3), ctimeNs: '7' });
  expect(blocks.whole()?.blocks).toEqual(hashes(1, 3));
  blocks.unsealed();
  expect(blocks.whole()).toBeUndefined();
});

test('what was read from an earlier state, or was young, is known by its ranges', () => {
  const inMiB = (blocks: FileBlocks) => blocks.notProved().map(({ offset, length }) => [offset / MiB, length / MiB]);
  const blocks = file(4.5 * MiB, [0, '7', 1, 2, 3, 4, 5], [2, '8', 3]);
  expect(inMiB(blocks)).toEqual([
    [0, 2],
    [3, 1.5],
  ]);
  expect([blocks.hasEarlierStates, blocks.isYoung]).toEqual([true, false]);
  blocks.add({ offset: 3 * MiB, blocks: hashes(4, 5), ctimeNs: '8' });
  expect(inMiB(blocks)).toEqual([[0, 2]]);
  blocks.add({ offset: 0, blocks: hashes(1), ctimeNs: '8' });
  blocks.add({ offset: MiB, blocks: hashes(2), ctimeNs: '8' }, true);
  expect(inMiB(blocks)).toEqual([[1, 1]]);
  expect([blocks.hasEarlierStates, blocks.isYoung]).toEqual([false, true]);
  blocks.unsealed();
  expect(inMiB(blocks)).toEqual([]);
  expect(inMiB(new FileBlocks(MiB))).toEqual([]); // of a source that sends no hashes
});
