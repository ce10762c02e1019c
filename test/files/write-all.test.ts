import { execFileSync } from 'node:child_process';
import { closeSync, constants, mkdtempSync, openSync, readFileSync, readSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { writeAll } from '../../src/files/write-all.js';

let dir: string;
let fd: number;

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'lm-write-all-'));
  fd = openSync(join(dir, 'file'), 'w');
});

afterEach(() => {
  closeSync(fd);
  rmSync(dir, { recursive: true, force: true });
});

const threeAtOnce = ((to: number, bytes: Uint8Array, offset: number, length: number, position: number | null) =>
  writeSync(to, bytes, offset, Math.min(3, length), position)) as typeof writeSync;

test('short writes are continued, at the position of the file or at a given one', () => {
  writeAll(fd, Buffer.from('0123456789'), undefined, threeAtOnce);
  writeAll(fd, Buffer.from('abcde'), 2, threeAtOnce);
  writeAll(fd, Buffer.from('end'), undefined, threeAtOnce);
  expect(readFileSync(join(dir, 'file'), 'utf8')).toBe('01abcde789end');
});

test('a write that takes nothing fails instead of being tried for ever', () => {
  const full = (() => 0) as typeof writeSync;
  expect(() => writeAll(fd, Buffer.from('text'), 0, full)).toThrow(expect.objectContaining({ code: 'EIO' }));
  expect(() => writeAll(fd, Buffer.alloc(0), 0, full)).not.toThrow();
});

test('an error of the system after a short write is thrown', () => {
  const pipe = join(dir, 'pipe');
  execFileSync('mkfifo', [pipe]);
  const both = openSync(pipe, constants.O_RDWR | constants.O_NONBLOCK);
  try {
    expect(() => writeAll(both, Buffer.alloc(1 << 20, 'x'))).toThrow(expect.objectContaining({ code: 'EAGAIN' }));
    expect(readSync(both, Buffer.alloc(1))).toBe(1);
  } finally {
    closeSync(both);
  }
});
