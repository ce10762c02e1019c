// Two ends with the same directories, or a refusal that says what to type.

import { describe, expect, test } from '@jest/globals';
import { LmError } from '../../src/errors.js';
import type { DirType } from '../../src/files/entry.js';
import type { Root } from '../../src/files/roots.js';
import { outsideError } from '../../src/guards/guard-outside.js';
import type { OutsideFile } from '../../src/linux/outside-files.js';
import { matchRoots, refuseIncompleteNode } from '../../src/sides/guard-sides.js';

/** `hints data data` below `dir`. */
function rootsOf(types: string, dir: string): Root[] {
  const words = types.split(' ') as DirType[];
  return words.map((type, i) => {
    const index = words.slice(0, i).filter((other) => other === type).length;
    return { key: `${type}/${index}`, type, index, path: `${dir}/${type}${index}` };
  });
}

function messageOf(attempt: () => unknown): string {
  try {
    attempt();
  } catch (error) {
    if (error instanceof LmError) return `${error.kind}: ${error.message}; ${error.hint}`;
    throw error;
  }
  return 'nothing';
}

const YAML = '/etc/c.yaml';
const match = (source: string, here: string, yaml?: string, only?: string): string =>
  messageOf(() =>
    matchRoots(
      { roots: rootsOf(source, '/s').map((root) => ({ ...root, ino: '1', mode: 0o40755, uid: 0, gid: 0 })) },
      { roots: rootsOf(here, '/d'), only, without: [], yaml },
    ),
  );

describe('types and counts of both ends', () => {
  test.each<[string, string, string | undefined, string, string]>([
    ['data', 'data', undefined, 'nothing', ''],
    ['data hints', 'hints data', YAML, 'nothing', ''],
    ['data hints', 'data', undefined, 'the source has hints/0 (/s/hints0)', '--root hints=DIR'],
    ['data hints', 'data', YAML, 'the source has hints/0 (/s/hints0)', 'add `hints_directory: DIR` to /etc/c.yaml'],
    ['data cdc_raw', 'data', YAML, 'the source has cdc_raw/0', 'add `cdc_raw_directory: DIR` to /etc/c.yaml'],
    ['data local_system_data', 'data', YAML, 'local_system_data/0', '`local_system_data_file_directory: DIR`'],
    ['hints data', 'hints', YAML, 'the source has data/0', 'add `data_file_directories: [DIR]` to /etc/c.yaml'],
    ['data data data', 'data data', YAML, 'the source has 3 data_file_directories, here are 2', 'in /etc/c.yaml'],
    ['data data', 'data', undefined, 'the source has 2 data roots, here is 1', '--root data=DIR'],
    ['data', 'data data', YAML, 'the source has 1 data_file_directories, here are 2', 'as many here as the source has'],
    ['data', 'data data', undefined, 'the source has 1 data root, here are 2', '--root data=DIR'],
    ['data', 'data hints', undefined, 'does not serve hints/0, here /d/hints0', '--root hints=DIR'],
    ['data', 'data hints', YAML, 'does not serve hints/0', 'add `hints_directory: DIR` to its cassandra.yaml'],
    ['data', 'data cdc_raw', YAML, 'does not serve cdc_raw/0', 'take cdc_raw_directory and cdc_enabled out of'],
  ])('source %s, here %s, by %s', (source, here, yaml, message, hint) => {
    const text = match(source, here, yaml);
    if (message !== 'nothing') expect(text).toMatch(/^roots-differ: /);
    expect(text).toContain(message);
    expect(text).toContain(hint);
  });

  test('a part of the keys needs only what it is about', () => {
    expect(match('data', 'data hints', undefined, 'data/0')).toBe('nothing');
  });
});

describe('a Cassandra node without its commit log or hints', () => {
  const key = 'data/0/system/local-7ad54392bcdd35a684174e047860b377';
  const half = (types: string, without: DirType[] = [], seen: string | undefined = key): string =>
    messageOf(() =>
      refuseIncompleteNode({ key: seen }, { roots: rootsOf(types, '/d'), only: undefined, without, yaml: undefined }),
    );

  test.each<[string, DirType[], string]>([
    ['data commitlog hints', [], 'nothing'],
    ['data hints', ['commitlog'], 'nothing'],
    ['data', ['commitlog', 'hints'], 'nothing'],
    ['data', [], '--without commitlog --without hints'],
    ['data commitlog saved_caches', [], '--without hints'],
    ['data hints', ['saved_caches'], '--without commitlog'],
  ])('%s without %j: %s', (types, without, expected) => {
    const text = half(types, without);
    expect(text).toContain(expected);
    if (expected !== 'nothing') expect(text).toMatch(/^missing-root: the source holds a Cassandra node/);
  });

  test('any other tree needs nothing', () => {
    expect(
      messageOf(() =>
        refuseIncompleteNode({ key: undefined }, { roots: [], only: undefined, without: [], yaml: undefined }),
      ),
    ).toBe('nothing');
  });
});

test('a file outside all roots: what to type, alone or instead of the file', () => {
  const found: OutsideFile[] = [
    { pid: 7, command: 'java', path: '/l/CommitLog-7-1.log', type: 'commitlog', dir: '/l' },
    { pid: 7, command: 'java', path: '/d/ks/t/x-Data.db', type: 'data', dir: '/d' },
  ];
  const roots = [
    { type: 'data', path: '/a' },
    { type: 'commitlog', path: '/old' },
  ] as const;
  expect(outsideError([])).toBeUndefined();
  expect(outsideError(undefined)).toBeUndefined();
  const alone = outsideError(found, { roots, yaml: undefined });
  expect(alone).toMatchObject({
    code: 'usage',
    message: 'java (pid 7) has /l/CommitLog-7-1.log open, which lies in no root',
    hint: 'add --root commitlog=/l --root data=/d',
  });
  const { hint } = outsideError(found, { roots, yaml: YAML })!;
  expect(hint).toContain('put `commitlog_directory: /l`, `data_file_directories: [/d]` there');
  expect(hint).toContain('--root data=/a --root commitlog=/l --root data=/d');
  expect(outsideError(found)?.hint).toContain('lm serve with --root commitlog=/l --root data=/d');
});
