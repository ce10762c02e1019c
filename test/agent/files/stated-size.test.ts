import { closeSync, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from '@jest/globals';
import { misstatement } from '../../../src/agent/files/stated-size.js';

const dir = mkdtempSync(join(tmpdir(), 'lm-stated-size-'));
afterAll(() => rmSync(dir, { recursive: true }));

test.each([
  [0, 0, undefined],
  [1, 1, undefined],
  [9_000_000, 9_000_000, undefined],
  [0, 1, 'states 0 bytes but holds more'],
  [1, 2, 'states 1 bytes but holds more'],
  [4096, 7, 'states 4096 bytes but holds fewer'],
  [4096, 0, 'states 4096 bytes but holds fewer'],
])('a file that states %i bytes and holds %i', async (stated, held, expected) => {
  const path = join(dir, 'file');
  writeFileSync(path, Buffer.alloc(held));
  const fd = openSync(path, 'r');
  try {
    expect(await misstatement(fd, stated)).toBe(expected);
  } finally {
    closeSync(fd);
  }
});
