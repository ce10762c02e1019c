import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { partNameOf } from '../../src/disk/disk.js';
import { Published } from '../../src/disk/published.js';
import type { Entry } from '../../src/files/entry.js';
import { asUser, IS_ROOT, SOMEBODY } from '../support/as-user.js';

let dir: string;
let file: string;
let part: string;
let published: Published;

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'lm-published-'));
  mkdirSync(join(dir, 'd'));
  file = join(dir, 'd/f');
  part = join(dir, 'd', partNameOf('f'));
  writeFileSync(file, 'content', { mode: 0o440 });
  published = new Published([{ key: 'data/0', type: 'data', index: 0, path: dir }]);
});
afterEach(() => {
  published.close();
  rmSync(dir, { recursive: true });
});

function entry(): Entry {
  const { size, mtimeNs, mode, ino, uid, gid } = lstatSync(file, { bigint: true });
  return {
    ...{ name: 'f', kind: 'file', size: `${size}`, mtimeNs: `${mtimeNs}`, mode: Number(mode), ino: `${ino}` },
    ...{ owner: { uid: Number(uid), gid: Number(gid) }, target: undefined, ctimeNs: undefined, links: undefined },
    allocated: undefined,
  };
}

const modeOf = (path: string): string => (statSync(path).mode & 0o7777).toString(8);
/** Microseconds: no finer time can be set. */
const timeOf = (path: string): bigint => statSync(path, { bigint: true }).mtimeNs / 1000n;

test('a file gets the name of its part, and its own name and mode again; its directory is as it was', () => {
  const [local, time] = [entry(), timeOf(join(dir, 'd'))];
  published.noteDirectory('data/0/d');
  const recorded: string[] = [];
  expect(published.unpublish('data/0/d', local, (id) => void recorded.push(id))).toBeUndefined();
  expect(recorded).toEqual([expect.stringMatching(new RegExp(`^${local.ino}(@|$)`))]);
  expect([modeOf(part), statSync(part).ino]).toEqual(['640', Number(local.ino)]);
  expect(published.putBack('data/0/d', local)).toBe(true);
  published.restoreDirectory('data/0/d');
  expect([modeOf(file), timeOf(join(dir, 'd'))]).toEqual(['440', time]);
});

test('a file with a second name keeps both, and its mode', () => {
  linkSync(file, join(dir, 'other'));
  expect(published.unpublish('data/0/d', entry(), () => {})).toMatch(/hard link/);
  expect(modeOf(file)).toBe('440');
});

(IS_ROOT ? describe : describe.skip)('of another user', () => {
  test('a directory that its owner may not write to is closed to him again', () => {
    for (const path of [dir, join(dir, 'd'), file]) chownSync(path, SOMEBODY, SOMEBODY);
    chmodSync(join(dir, 'd'), 0o555);
    const local = entry();
    asUser(SOMEBODY, () => {
      published.noteDirectory('data/0/d');
      expect(published.unpublish('data/0/d', local, () => {})).toBeUndefined();
      expect(modeOf(join(dir, 'd'))).toBe('755');
      expect(published.putBack('data/0/d', local)).toBe(true);
      published.restoreDirectory('data/0/d');
    });
    expect(modeOf(join(dir, 'd'))).toBe('555');
  });

  test.each(['f', '.'])('one that is immutable stays as it is: d/%s', (name) => {
    const at = join(dir, 'd', name);
    if (spawnSync('chattr', ['+i', at]).status !== 0) return; // the file system, or the container, has none
    const failed = published.unpublish('data/0/d', entry(), () => {});
    spawnSync('chattr', ['-i', at]);
    expect(failed).toMatch(/immutable/);
    expect(modeOf(file)).toBe('440');
  });
});
