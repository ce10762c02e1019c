import { closeSync, fstatSync, ftruncateSync, openSync, readSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { pageRuns, SparsePart } from '../../src/disk/sparse.js';
import { sandbox } from '../support/sandbox.js';

const PAGE = 4096;
const SIZE = 16 * PAGE;

const opened = () => {
  const fd = openSync(join(sandbox().dir, 'part'), 'w+');
  ftruncateSync(fd, SIZE);
  return fd;
};

function contentOf(fd: number): Buffer {
  const content = Buffer.alloc(SIZE);
  readSync(fd, content, 0, SIZE, 0);
  return content;
}

const fail = (error: unknown) => error as Error;

test('runs end where pages of the file do, wherever the bytes begin', () => {
  const bytes = Buffer.alloc(3 * PAGE);
  bytes[PAGE] = 1;
  const runs = (position: number) => [...pageRuns(bytes, position)].map(({ zero, from, to }) => [zero, from, to]);
  expect(runs(0)).toEqual([
    [true, 0, PAGE],
    [false, PAGE, 2 * PAGE],
    [true, 2 * PAGE, 3 * PAGE],
  ]);
  expect(runs(PAGE - 1)).toEqual([
    [true, 0, 1],
    [false, 1, PAGE + 1],
    [true, PAGE + 1, 3 * PAGE],
  ]);
  expect([...pageRuns(Buffer.alloc(0), 5)]).toEqual([]);
});

describe('a part that is written sparsely', () => {
  test('keeps holes, whatever the cuts of what is written', () => {
    const fd = opened();
    const part = new SparsePart(fd, fail);
    const content = Buffer.alloc(SIZE);
    content.fill('x', 5 * PAGE + 10, 5 * PAGE + 20);
    for (let at = 0; at < SIZE; at += 1000) part.write(content.subarray(at, at + 1000), at);
    expect(contentOf(fd).equals(content)).toBe(true);
    expect(fstatSync(fd).blocks * 512).toBe(PAGE);
    closeSync(fd);
  });

  test('has zeros where other bytes were', () => {
    const fd = opened();
    writeSync(fd, Buffer.alloc(3 * PAGE, 'y'), 0, 3 * PAGE, 2 * PAGE + 7);
    const part = new SparsePart(fd, fail);
    part.clear(SIZE, 0);
    expect(contentOf(fd).equals(Buffer.alloc(SIZE))).toBe(true);
    expect(fstatSync(fd).blocks).toBe(0);
    closeSync(fd);
  });

  test('is what was written last', () => {
    const stretch = fc.tuple(fc.nat(SIZE - 1), fc.integer({ min: 1, max: 5 * PAGE }), fc.boolean());
    fc.assert(
      fc.property(fc.array(stretch, { maxLength: 12 }), (stretches) => {
        const fd = opened();
        const part = new SparsePart(fd, fail);
        const expected = Buffer.alloc(SIZE);
        for (const [from, length, zeros] of stretches) {
          const to = Math.min(SIZE, from + length);
          expected.fill(zeros ? 0 : 'z', from, to);
          if (zeros) part.clear(to - from, from);
          else part.write(expected.subarray(from, to), from);
        }
        const same = contentOf(fd).equals(expected);
        closeSync(fd);
        expect(same).toBe(true);
      }),
      { numRuns: 50 },
    );
  });

  test('throws what is made of a failure', () => {
    const fd = opened();
    const part = new SparsePart(fd, () => new Error('told'));
    closeSync(fd);
    expect(() => part.write(Buffer.from('x'), 0)).toThrow('told');
    expect(() => part.clear(1, 0)).toThrow('told');
  });
});
