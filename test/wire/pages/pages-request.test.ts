import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { BLOCK_BYTES } from '../../../src/digest/digest.js';
import { createXxh64 } from '../../../src/digest/kernels/xxh64.js';
import {
  blocksOfRuns,
  hashesBytes,
  MAX_BLOCKS,
  type PagesRequest,
  pagesOf,
  putPageHashes,
  readPagesRequest,
  textDigest,
  writePagesRequest,
} from '../../../src/wire/pages/pages-request.js';
import { codeOf, damage, fuzz, fuzzTimeoutMs } from '../../support/fuzz.js';

const hash = createXxh64();
const SIZE = 40 * BLOCK_BYTES + 20_000;

const of = (blocks: unknown, size = `${SIZE}`): PagesRequest => ({
  ...{ kind: 'pages', young: true, blocks: blocks as PagesRequest['blocks'] },
  dirs: [['data/0/ks', [['big', size, '1', '2']]]],
});

const hashesFor = (request: PagesRequest): Buffer =>
  Buffer.alloc(hashesBytes(blocksOfRuns(request.blocks, SIZE)), 'hash');

test('a request is read as it was written', () => {
  const request = of([
    [0, 2],
    [3, 1],
    [40, 1],
  ]);
  const hashes = hashesFor(request);
  expect(hashes.length).toBe((3 * 128 + 3) * 4);
  const read = readPagesRequest(writePagesRequest(request, hashes));
  expect(read).toMatchObject({ request, hashes });
  expect(read.blocks.map(({ offset, length }) => [offset / BLOCK_BYTES, length])).toEqual([
    ...[0, 1, 3].map((block) => [block, BLOCK_BYTES]),
    [40, 20_000],
  ]);
});

test('the hashes of pages are the low bytes of their XXH64', () => {
  const block = Buffer.alloc(3 * 8192 - 5, 'some pages of a file');
  const hashes = Buffer.alloc(12);
  expect(putPageHashes(block, hash, hashes, 0)).toBe(12);
  for (const [page, at] of [0, 8192, 16384].entries()) {
    hash.update(block.subarray(at, at + 8192));
    expect(hashes.subarray(4 * page, 4 * page + 4)).toEqual(Buffer.from(hash.digest()).subarray(0, 4));
  }
});

describe('refused is a request', () => {
  test.each<[string, unknown]>([
    ['for no blocks', []],
    ['without blocks', undefined],
    [
      'for blocks twice',
      [
        [0, 2],
        [1, 1],
      ],
    ],
    [
      'for blocks backwards',
      [
        [3, 1],
        [0, 1],
      ],
    ],
    [
      'for more than its share',
      [
        [0, 9],
        [9, 8],
      ],
    ],
    ['for very many runs', Array.from({ length: 300 }, (_, i) => [i, 1])],
    ['for a block behind the end', [[40, 2]]],
    ['for half a block', [[0.5, 1]]],
    ['for blocks of no number', [['0', 1]]],
    ['for runs of three', [[0, 1, 1]]],
    ['for a run of none', [[0, 0]]],
  ])('%s', (_, blocks) =>
    expect(() => readPagesRequest(writePagesRequest(of(blocks), Buffer.alloc(512)))).toThrow(
      'blocks are [[first, count]',
    ),
  );

  test('for a file larger than any', () =>
    expect(() => readPagesRequest(writePagesRequest(of([[2 ** 40, 1]], '9'.repeat(20)), Buffer.alloc(512)))).toThrow(
      'within the file',
    ));

  test.each<[string, (body: Buffer) => Buffer, string]>([
    ['of no bytes', () => Buffer.alloc(0), 'a text so long'],
    ['that ends in its text', (body) => body.subarray(0, 30), 'a text so long'],
    ['of a text without end', (body) => Buffer.concat([Buffer.of(255, 255, 255, 255), body]), 'a text so long'],
    ['with a hash too few', (body) => body.subarray(0, -4), '508 bytes of hashes'],
    ['with a byte too many', (body) => Buffer.concat([body, Buffer.of(0)]), '513 bytes of hashes'],
    ['of another kind', (body) => Buffer.from(body.toString('latin1').replace('"pages"', '"range"'), 'latin1'), 'kind'],
  ])('%s', (_, harm, message) =>
    expect(() => readPagesRequest(harm(writePagesRequest(of([[0, 1]]), Buffer.alloc(512))))).toThrow(message),
  );
});

test('the digest of its text covers all but the hashes', () => {
  const body = writePagesRequest(of([[0, 1]]), Buffer.alloc(512));
  const sound = textDigest(body, hash);
  const textEnd = body.length - 512;
  fc.assert(
    fc.property(fc.integer({ min: 4, max: body.length - 1 }), fc.nat(7), (at, bit) => {
      const flipped = Buffer.from(body);
      flipped[at]! ^= 1 << bit;
      expect(Buffer.compare(textDigest(flipped, hash), sound) === 0).toBe(at >= textEnd);
    }),
    { numRuns: 100 },
  );
});

const runs = fc.array(fc.tuple(fc.oneof(fc.nat(50), fc.double()), fc.oneof(fc.nat(MAX_BLOCKS + 1), fc.double())), {
  maxLength: 5,
});

test(
  'a damaged request is refused, or keeps every limit',
  () => {
    fc.assert(
      fc.property(runs, fc.nat(600), damage, (blocks, extra, harm) => {
        const request = of(blocks);
        let bytes = extra;
        try {
          bytes = hashesBytes(blocksOfRuns(request.blocks, SIZE)) + (extra % 3);
        } catch {} // no such blocks
        let read: ReturnType<typeof readPagesRequest>;
        try {
          read = readPagesRequest(
            harm(writePagesRequest(request, Buffer.alloc(Math.min(Math.max(0, bytes), 1 << 20) || 0))),
          );
        } catch (error) {
          return expect(codeOf(error)).toBe('protocol');
        }
        const size = Number(read.request.dirs[0][1][0][1]);
        expect(read.blocks.length >= 1 && read.blocks.length <= MAX_BLOCKS).toBe(true);
        expect(read.hashes.length).toBe(read.blocks.reduce((sum, block) => sum + pagesOf(block) * 4, 0));
        let end = 0;
        for (const { offset, length } of read.blocks) {
          expect(offset % BLOCK_BYTES === 0 && offset >= end && length >= 1 && length <= BLOCK_BYTES).toBe(true);
          end = offset + length;
        }
        expect(end).toBeLessThanOrEqual(size);
      }),
      fuzz(500),
    );
  },
  fuzzTimeoutMs,
);
