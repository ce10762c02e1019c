import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { removeIfThere, removeTree, statIfThere } from '../../src/files/if-there.js';
import { clearCompletion, markComplete } from '../../src/state/completion.js';
import { openInstance, removeInstance } from '../../src/state/instance.js';
import { createReportFile } from '../../src/verify/report-file.js';

let dir: string;

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'lm-if-there-'));
});

afterEach(() => rmSync(dir, { recursive: true, force: true }));

test.each([
  ['statIfThere', statIfThere],
  ['removeIfThere', removeIfThere],
  ['removeTree', removeTree],
])('%s: a missing file is no error, a path below a file is', (_, act) => {
  writeFileSync(join(dir, 'file'), '');
  expect(act(join(dir, 'none'))).toBeUndefined();
  expect(act(join(dir, 'none', 'none'))).toBeUndefined();
  expect(() => act(join(dir, 'file', 'none'))).toThrow(/ENOTDIR/);
});

test('a tree is removed with its contents, and nothing that a link leads to', () => {
  const tree = join(dir, 'tree');
  mkdirSync(join(tree, 'a', 'b'), { recursive: true });
  writeFileSync(join(tree, 'a', 'b', 'ä\n'), '');
  mkdirSync(join(dir, 'outside', 'kept'), { recursive: true });
  symlinkSync(join(dir, 'outside'), join(tree, 'link'));
  removeTree(tree);
  expect(existsSync(tree)).toBe(false);
  expect(existsSync(join(dir, 'outside', 'kept'))).toBe(true);
});

const asRoot = process.getuid?.() === 0 ? describe : describe.skip;

asRoot('a state directory that has become read-only is named with the reason', () => {
  const roots = [{ key: 'data/0', path: '/srv/data' }];
  const mount = (...args: string[]): void => void execFileSync('mount', [...args, dir]);
  beforeEach(() => mount('-t', 'tmpfs', 'tmpfs'));
  afterEach(() => void execFileSync('umount', [dir]));

  test.each([
    ['a completion', () => markComplete(dir), () => clearCompletion(dir)],
    ['an instance', () => openInstance({ stateDir: dir, role: 'source', name: 'i', roots }), removeInstance],
    ['a report', () => {}, () => createReportFile(join(dir, 'report'), {})],
  ] as [string, () => unknown, (of: never) => unknown][])('%s', (_, make, remove) => {
    const made = make();
    mount('-o', 'remount,ro');
    expect(() => remove(made as never)).toThrow(
      expect.objectContaining({ code: 'local', message: expect.stringMatching(/: EROFS$/) }),
    );
  });
});
