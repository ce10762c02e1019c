import { lstatSync, mkdtempSync, realpathSync, rmSync, truncateSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { crc32 } from 'hash-wasm';
import { appendCrc32c, CRC32C } from '../../src/digest/crc32c.js';
import { BLOCK_DIGEST } from '../../src/digest/digest.js';
import { digestFiles } from '../../src/digest/digest-files.js';
import type { ListedFile } from '../../src/digest/listed-file.js';
import { composed, isComposed, rangesOf } from '../../src/digest/ranges.js';

const MIB = 1 << 20;
const dir = realpathSync(mkdtempSync(join(tmpdir(), 'lm-ranges-')));
afterAll(() => rmSync(dir, { recursive: true, force: true }));
const roots = [{ key: 'data/0', type: 'data', index: 0, path: dir }] as const;

const numberOf = async (bytes: Uint8Array): Promise<number> => Number.parseInt(await crc32(bytes, CRC32C), 16);

describe('the CRC-32C of pieces', () => {
  test('is that of the whole, wherever it is cut', () =>
    fc.assert(
      fc.asyncProperty(fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 6 }), async (pieces) => {
        let crc = 0;
        for (const piece of pieces) crc = appendCrc32c(crc, await numberOf(piece), piece.length);
        expect(crc).toBe(await numberOf(Buffer.concat(pieces)));
      }),
    ));

  test('does not depend on the order in which they are joined, at any length', () => {
    const crc = fc.integer({ min: 0, max: 0xffffffff });
    const bytes = fc.maxSafeNat().map((n) => Math.floor(n / 2));
    const length = fc.oneof(bytes, fc.constantFrom(2 ** 29, 2 ** 32, 2 ** 40, 2 ** 51));
    fc.assert(
      fc.property(crc, crc, crc, length, length, (a, b, c, second, third) => {
        const left = appendCrc32c(appendCrc32c(a, b, second), c, third);
        expect(appendCrc32c(a, appendCrc32c(b, c, third), second + third)).toBe(left);
      }),
    );
  });
});

function written(name: string, content: Buffer): ListedFile {
  writeFileSync(join(dir, name), content);
  return listed(name);
}

function listed(name: string): ListedFile {
  const { size, mtimeNs, ino } = lstatSync(join(dir, name), { bigint: true });
  return { key: `data/0/${name}`, size: `${size}`, mtimeNs: `${mtimeNs}`, ino: `${ino}` };
}

/** It stays young for half a minute, however busy the machine is. */
function young(name: string, content: Buffer): ListedFile {
  writeFileSync(join(dir, name), content);
  const ahead = Date.now() / 1000 + 30;
  utimesSync(join(dir, name), ahead, ahead);
  return listed(name);
}

const contentOf = (bytes: number): Buffer => {
  const content = Buffer.alloc(bytes);
  for (let at = 0; at < bytes; at += 4093) content[at] = (at >> 3) ^ at;
  return content;
};

async function poolOf(rangeBytes: number) {
  const built = new URL('../../dist/modules/reading/digest-pool.js', import.meta.url).href;
  const { createDigestPool }: typeof import('../../src/reading/digest-pool.js') = await import(built);
  return createDigestPool(2, { rangeBytes });
}

describe.each([BLOCK_DIGEST, 'crc32c'] as const)('ranges of a file, by %s,', (algorithm) => {
  const names = ['a', 'b', 'c', 'd'];
  const sizes = [5 * MIB + 7, 4 * MIB, 100, 4 * MIB - 1];

  test.each([1, 2, 4, 64])('of %d MiB give the digest of the whole', async (mib) => {
    const files = names.map((name, i) => young(name, contentOf(sizes[i]!)));
    const options = { reportsBlocks: true, reportsYoung: true };
    const whole = await digestFiles({ algorithm, roots, files, ...options });
    const pool = await poolOf(mib * MIB);
    try {
      for (const direct of [false, true]) {
        const shared = await pool.run({ algorithm, roots, files, ...options, direct });
        for (const [i, answer] of shared.entries()) {
          const { digest, blocks } = whole[i] as { digest: string; blocks?: Uint8Array };
          expect(answer).toMatchObject({ digest, young: true });
          expect('blocks' in answer && answer.blocks && Buffer.from(answer.blocks)).toEqual(
            blocks ? Buffer.from(blocks) : false,
          );
        }
      }
    } finally {
      await pool.close();
    }
  });

  test('of a file that has changed give no digest', async () => {
    const file = written('e', contentOf(3 * MIB));
    truncateSync(join(dir, 'e'), 2 * MIB);
    const pool = await poolOf(MIB);
    try {
      expect(await pool.run({ algorithm, roots, files: [file] })).toMatchObject([{ result: 'changed' }]);
      rmSync(join(dir, 'e'));
      expect(await pool.run({ algorithm, roots, files: [file] })).toMatchObject([{ result: 'vanished' }]);
    } finally {
      await pool.close();
    }
  });

  test('count as young, or direct, or proved, together alone', () => {
    const one = { digest: '1', young: false, ctimeNs: '5', read: 'direct', blocks: Buffer.alloc(8) } as const;
    const two = [
      { offset: 0, length: MIB },
      { offset: MIB, length: MIB },
    ];
    const of = (other: object): object => composed(algorithm, [one, { ...one, ...other }], two);
    expect(of({})).toEqual({ digest: expect.any(String), young: false, ctimeNs: '5', read: 'direct' });
    expect(of({ young: true, ctimeNs: undefined })).toEqual({
      digest: expect.any(String),
      young: true,
      read: 'direct',
    });
    expect(of({ ctimeNs: '6', read: 'cached' })).toEqual({ digest: expect.any(String), young: false, read: 'cached' });
  });
});

test('ranges cover a file once', () => {
  expect(rangesOf(5, 2)).toEqual([
    { offset: 0, length: 2 },
    { offset: 2, length: 2 },
    { offset: 4, length: 1 },
  ]);
  expect(['md5', 'xxhash64', 'crc32c'].filter((name) => isComposed(name as 'md5'))).toEqual(['crc32c']);
});
