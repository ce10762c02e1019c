import { closeSync, fstatSync, ftruncateSync, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { zeroBlockHash } from '../../src/digest/block-hashes.js';
import { BLOCK_BYTES, BLOCK_DIGEST } from '../../src/digest/digest.js';
import { digestFd, ready } from '../../src/digest/digest-fd.js';
import { createXxh64 } from '../../src/digest/kernels/xxh64.js';
import type { FileRange } from '../../src/digest/open-file.js';
import { hasHoles } from '../../src/linux/holes.js';
import { sandbox } from '../support/sandbox.js';

const MIB = BLOCK_BYTES;

test.each([MIB, 1, 4097])('the hash of a block of %d zeros', (bytes) => {
  const hash = createXxh64();
  hash.update(new Uint8Array(bytes));
  expect(zeroBlockHash(bytes)).toEqual(hash.digest());
});

describe('the block digest of a sparse file', () => {
  /** The digest with holes read, and without; how many bytes were read and skipped. */
  async function digests(size: number, data: readonly number[], range?: FileRange) {
    await ready(BLOCK_DIGEST);
    const fd = openSync(join(sandbox().dir, 'sparse'), 'w+');
    ftruncateSync(fd, size);
    for (const at of data) writeSync(fd, 'some data', at);
    const file = { fd, size, direct: false, range, hasHoles: hasHoles(fstatSync(fd, { bigint: true })) };
    const count = { read: 0, skipped: 0 };
    const hooks = {
      isGivenUp: () => false,
      read(bytes: Uint8Array) {
        count.read += bytes.length;
      },
      skipped(bytes: number) {
        count.skipped += bytes;
      },
    };
    const found = digestFd(file, BLOCK_DIGEST, hooks);
    const expected = digestFd({ ...file, hasHoles: false }, BLOCK_DIGEST);
    closeSync(fd);
    expect(found).toEqual(expected);
    return count;
  }

  test.each([
    ['data in the middle', 8 * MIB, [3 * MIB + 70_000], 7 * MIB],
    ['data at both ends', 8 * MIB, [0, 8 * MIB - 9], 6 * MIB],
    ['nothing but a hole', 5 * MIB, [], 5 * MIB],
    ['a rest, which is read', 5 * MIB + 7, [], 5 * MIB],
    ['less than a block', MIB - 1, [], 0],
  ])('%s', async (_, size, data, skipped) => {
    expect(await digests(size, data)).toEqual({ read: size - skipped, skipped });
  });

  test('range by range', async () => {
    const [size, data] = [8 * MIB, [MIB, 6 * MIB]];
    for (const [offset, read] of [
      [0, 2 * MIB - MIB],
      [2 * MIB, 0],
      [4 * MIB, 0],
      [6 * MIB, MIB],
    ] as const)
      expect(await digests(size, data, { offset, length: 2 * MIB })).toEqual({ read, skipped: 2 * MIB - read });
  });
});
