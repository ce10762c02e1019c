import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { dir, file, link, readTree, removeTree, writeTree } from './tree.js';

let at: string;
beforeEach(() => {
  at = mkdtempSync(join(tmpdir(), 'lm-tree-'));
});
afterEach(() => removeTree(at));

test('a tree that is written is read back: content, modes, times to the microsecond, targets', async () => {
  const mtimeNs = 1_731_000_001_456_789_123n;
  writeTree(at, {
    'a +%\n': file({ content: 'hello\n', mode: 0o400, mtimeNs }),
    d: dir({ empty: dir({}), l: link('../a', { mtimeNs: 1_731_000_001_000_001_000n }) }, { mode: 0o500 }),
    big: file({ size: 1024 * 1024 + 1, mtimeNs: -1_000_000n }),
  });
  expect(await readTree(at)).toEqual({
    'a +%\n': {
      kind: 'file',
      mode: '0400',
      mtimeUs: '1731000001456789',
      size: 6,
      sha256: '5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03',
    },
    big: { kind: 'file', mode: '0644', mtimeUs: '-1000', size: 1024 * 1024 + 1, sha256: expect.any(String) },
    d: { kind: 'dir', mode: '0500' },
    'd/empty': { kind: 'dir', mode: '0755' },
    'd/l': { kind: 'link', mode: '0777', mtimeUs: '1731000001000001', target: '../a' },
  });
});

test('blocks of a sized file differ, and come back with the same seed', async () => {
  const size = 2 * 1024 * 1024;
  writeTree(at, { a: file({ size, seed: 1 }), b: file({ size, seed: 2 }), c: file({ size, seed: 1 }) });
  const { a, b, c } = await readTree(at);
  expect(a).toEqual({ ...c, mtimeUs: a!.mtimeUs });
  expect(a!.sha256).not.toBe(b!.sha256);
});
