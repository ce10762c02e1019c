import { closeSync, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { xxhash64 } from 'hash-wasm';
import { readAhead, type SliceSink } from '../../../src/agent/files/read-ahead.js';
import { BLOCK_BYTES } from '../../../src/digest/digest.js';

const dir = mkdtempSync(join(tmpdir(), 'lm-read-ahead-'));
const content = Buffer.from(Uint32Array.from({ length: (5 << 20) / 8 + 1 }, (_, i) => Math.imul(i, 2654435761)).buffer);
let fd: number;

beforeAll(() => {
  writeFileSync(join(dir, 'file'), content);
  fd = openSync(join(dir, 'file'), 'r');
});
afterAll(() => {
  closeSync(fd);
  rmSync(dir, { recursive: true });
});

async function slice(start: number, end: number, sink: SliceSink): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of readAhead(fd, start, end, sink)) chunks.push(Buffer.from(chunk)); // the next one takes its place
  return Buffer.concat(chunks);
}

describe.each([
  ['from memory', { patienceMs: Number.POSITIVE_INFINITY }],
  ['as if from a disk', { patienceMs: -1 }],
])('a slice that comes %s', (_, options) => {
  test.each([
    [0, content.length],
    [BLOCK_BYTES, content.length],
    [7, 8],
    [100, 100 + (256 << 10)],
  ])('from %d to %d is those bytes, with the digest of each of its blocks', async (start, end) => {
    const digests: string[] = [];
    const onBlock = (digest: Uint8Array): undefined => void digests.push(Buffer.from(digest).reverse().toString('hex'));
    const bytes = await slice(start, end, { ...options, onBlock });
    expect(bytes.equals(content.subarray(start, end))).toBe(true);
    const expected: string[] = [];
    for (let at = start; at < end; at += BLOCK_BYTES)
      expected.push(await xxhash64(content.subarray(at, Math.min(end, at + BLOCK_BYTES))));
    expect(digests).toEqual(expected);
  });

  test('has behind each block what is to be sent with it, and still those bytes', async () => {
    const end = content.length;
    const bytes = await slice(0, end, { ...options, onBlock: (digest) => digest });
    const expected: Uint8Array[] = [];
    for (let at = 0; at < end; at += BLOCK_BYTES) {
      const block = content.subarray(at, Math.min(end, at + BLOCK_BYTES));
      expected.push(block, Buffer.from(await xxhash64(block), 'hex').reverse());
    }
    expect(bytes.equals(Buffer.concat(expected))).toBe(true);
  });

  test('whose file is shorter than promised is filled up with zeros, or thrown', async () => {
    const end = content.length + (1 << 20);
    const problems: unknown[] = [];
    const bytes = await slice(BLOCK_BYTES, end, { ...options, onProblem: (problem) => void problems.push(problem) });
    expect(bytes.equals(Buffer.concat([content.subarray(BLOCK_BYTES), Buffer.alloc(1 << 20)]))).toBe(true);
    expect(new Set(problems)).toEqual(new Set(['shrunk']));
    await expect(slice(BLOCK_BYTES, end, options)).rejects.toThrow('shorter');
  });
});
