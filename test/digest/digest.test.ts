import { closeSync, mkdtempSync, openSync, readSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { xxhash64 } from 'hash-wasm';
import { blockDigestOf } from '../../src/digest/block-hashes.js';
import {
  BLOCK_BYTES,
  BLOCK_DIGEST,
  type DigestAlgorithm,
  FILE_ALGORITHMS,
  type FileAlgorithm,
  sameDigest,
  textHash,
} from '../../src/digest/digest.js';
import { digestFd, ready } from '../../src/digest/digest-fd.js';

const dir = mkdtempSync(join(tmpdir(), 'lm-digest-'));
afterAll(() => rmSync(dir, { recursive: true }));
beforeAll(async () => {
  for (const algorithm of FILE_ALGORITHMS) await ready(algorithm);
});

function digestOf(content: string | Uint8Array, algorithm: FileAlgorithm, readFirst = 0) {
  const path = join(dir, 'file');
  writeFileSync(path, content);
  const fd = openSync(path, 'r');
  try {
    if (readFirst > 0) readSync(fd, Buffer.alloc(readFirst));
    return digestFd({ fd, size: Buffer.byteLength(content), direct: false }, algorithm);
  } finally {
    closeSync(fd);
  }
}

/** md5sum, openssl and `xxhsum -H0`, in the Sidecar's text forms. */
const VECTORS: [name: string, content: string, md5: string, xxhash32: string][] = [
  ['an empty file', '', '1B2M2Y8AsgTpgAmY7PhCfg==', '2cc5d05'],
  ['hello and a newline', 'hello\n', 'sZRqySSS0jR8YjW00mERhA==', '946b5bf9'],
  ['hello', 'hello', 'XUFAKrxLKna5cZ2REBfFkg==', 'fb0077f9'],
  ['abc', 'abc', 'kAFQmDzST7DWlj99KOF/cg==', '32d153ff'],
  ['1 MiB of zero bytes', '\0'.repeat(1048576), 'ttgbNgpWctgMJ0MPORU+LA==', '9430f97f'],
  ['one leading zero', 'cassandra-12\n', 'Aw6+1pxE9iLV8trlFjoYlA==', 'a010198'],
  ['two leading zeros', 'cassandra-70\n', 'kBLGj+h2bVb1Qh3YS3+XWg==', 'e4cd5a'],
  ['three leading zeros', 'cassandra-640\n', 'nZ/PT6NlIhbFCSzoyJLXNQ==', '70f8c'],
];

describe('digests of files have the text a Sidecar gives them', () => {
  test.each(VECTORS)('%s', (_name, content, md5, xxhash32) => {
    expect(digestOf(content, 'md5')).toEqual({ digest: md5, end: content.length });
    expect(digestOf(content, 'xxhash32')).toEqual({ digest: xxhash32, end: content.length });
  });

  test('xxhash64 and crc32c are the published ones', () => {
    expect(digestOf('', 'xxhash64').digest).toBe('ef46db3751d8e999');
    expect(digestOf('123456789', 'crc32c').digest).toBe('e3069283');
  });

  test('crc32c of nothing is 0, and one digit of it is kept', () => {
    expect(digestOf('', 'crc32c').digest).toBe('0');
  });

  test('a file that fills the buffer more than once is read to its end, wherever the descriptor stood', () => {
    const content = Buffer.alloc(2 * BLOCK_BYTES + 1, 'lm');
    const fresh = digestOf(content, 'md5');
    expect(fresh.end).toBe(content.length);
    expect(digestOf(content, 'md5', 1000)).toEqual(fresh);
    expect(digestOf(content.subarray(1), 'md5').digest).not.toBe(fresh.digest);
  });
});

describe('the block digest', () => {
  /** By another program's function, in the order of the wire: the last byte of the number first. */
  const blocksOf = async (content: Buffer): Promise<Buffer> => {
    const hashes: Buffer[] = [];
    for (let at = 0; at < content.length; at += BLOCK_BYTES)
      hashes.push(Buffer.from(await xxhash64(content.subarray(at, at + BLOCK_BYTES)), 'hex').reverse());
    return Buffer.concat(hashes);
  };

  test.each([0, 1, BLOCK_BYTES - 1, BLOCK_BYTES, BLOCK_BYTES + 1, 3 * BLOCK_BYTES, 70 * BLOCK_BYTES + 5])(
    'of %d bytes is the hash of the hashes of the blocks, which are told',
    async (bytes) => {
      const content = Buffer.alloc(bytes, 'some words for every block, of a length that fits none; ');
      const blocks = await blocksOf(content);
      const found = digestOf(content, BLOCK_DIGEST);
      expect(found.end).toBe(bytes);
      expect(Buffer.from(found.blocks!).equals(blocks)).toBe(true);
      expect(found.digest).toBe(await xxhash64(blocks));
      expect(blockDigestOf(found.blocks!)).toBe(found.digest);
    },
  );

  test('of a file read after another has nothing of it', () => {
    const fresh = digestOf('abc', BLOCK_DIGEST);
    digestOf(Buffer.alloc(BLOCK_BYTES + 7, 1), BLOCK_DIGEST);
    expect(digestOf('abc', BLOCK_DIGEST)).toEqual(fresh);
  });
});

test.each<[DigestAlgorithm, string, string, boolean]>([
  ['xxhash32', '2cc5d05', '02cc5d05', true],
  ['xxhash32', '2CC5D05', '2cc5d05', true],
  ['xxhash32', '0', '00000000', true],
  ['xxhash32', '2cc5d05', '2cc5d050', false],
  ['md5', 'sZRqySSS0jR8YjW00mERhA==', 'sZRqySSS0jR8YjW00mERhA==', true],
  ['md5', 'sZRqySSS0jR8YjW00mERhA==', 'szRqySSS0jR8YjW00mERhA==', false],
  ['md5', '0abc', 'abc', false],
])('%s: %s and %s are equal: %s', (algorithm, a, b, equal) => {
  expect(sameDigest(algorithm, a, b)).toBe(equal);
});

describe('the hash of a name', () => {
  test.each([
    ['', 'ef46db3751d8e999'],
    ['abc', '44bc2cf5ad770999'],
  ])('%j is the published one, all 16 digits', (name, hash) => {
    expect(textHash(name)).toBe(hash);
  });

  test('is taken of the UTF-8 bytes', async () => {
    expect(textHash('ü😀.db')).toBe(await xxhash64(new TextEncoder().encode('ü😀.db')));
  });

  test('keeps leading zeros, unlike a digest text', () => {
    const short = Array.from({ length: 64 }, (_, i) => textHash(`name-${i}`)).filter((hash) => hash.startsWith('0'));
    expect(short.length).toBeGreaterThan(0);
    for (const hash of short) expect(hash).toMatch(/^[0-9a-f]{16}$/);
  });
});
