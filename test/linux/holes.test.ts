import { closeSync, fstatSync, ftruncateSync, openSync, readSync, statSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { allocatedBytes, hasHoles, holesOf, makeHole, tellsHoles } from '../../src/linux/holes.js';
import { sandbox } from '../support/sandbox.js';

const MIB = 1 << 20;

describe('holesOf', () => {
  test('finds data, and that nothing but a hole follows', () => {
    const path = join(sandbox().dir, 'sparse');
    const fd = openSync(path, 'w+');
    ftruncateSync(fd, 400e9);
    writeSync(fd, 'x', 200 * MIB);
    writeSync(fd, 'x', 7 * 2 ** 32); // an offset that 32 bits cannot hold
    const holes = holesOf(fd)!;
    expect(holes.nextData(0)).toBe(200 * MIB);
    expect(holes.nextData(200 * MIB)).toBe(200 * MIB);
    expect(holes.nextData(201 * MIB)).toBe(7 * 2 ** 32);
    expect(holes.nextData(300e9)).toBe(Number.POSITIVE_INFINITY);
    closeSync(fd);
  });

  test('reports no hole where the descriptor cannot seek to one', () => {
    const fd = openSync(join(sandbox().dir, 'full'), 'w');
    writeSync(fd, 'x');
    const holes = holesOf(fd)!;
    closeSync(fd);
    expect(holes.nextData(5)).toBe(5);
  });

  test('is not there on a file system that may report bytes as holes', () => {
    const fd = openSync('/proc/self/status', 'r');
    expect(holesOf(fd)).toBeUndefined();
    closeSync(fd);
    expect(tellsHoles('/proc/self')).toBe(false);
    expect(tellsHoles('/nowhere')).toBe(false);
  });
});

test('a hole can be made far behind the first 4 GiB, and not in what is closed', () => {
  const fd = openSync(join(sandbox().dir, 'file'), 'w+');
  const at = 7 * 2 ** 32;
  writeSync(fd, Buffer.alloc(3 * 4096, 'x'), 0, 3 * 4096, at);
  expect(makeHole(fd, at + 10, at + 8192)).toBe(true);
  const bytes = Buffer.alloc(3 * 4096);
  readSync(fd, bytes, 0, bytes.length, at);
  expect(bytes.equals(Buffer.alloc(bytes.length, 'x').fill(0, 10, 8192))).toBe(true);
  expect(holesOf(fd)!.nextData(at + 4096)).toBe(at + 8192);
  expect(fstatSync(fd).size).toBe(at + 3 * 4096);
  closeSync(fd);
  expect(makeHole(fd, 0, 4096)).toBe(false);
});

test('a file with a hole takes less space than it has bytes', () => {
  const path = join(sandbox().dir, 'file');
  const fd = openSync(path, 'w');
  writeSync(fd, Buffer.alloc(8192, 'x'));
  const stat = () => statSync(path, { bigint: true });
  expect(hasHoles(stat())).toBe(false);
  ftruncateSync(fd, MIB);
  closeSync(fd);
  expect(hasHoles(stat())).toBe(true);
  expect(allocatedBytes(stat())).toBe(8192);
});
