// What the scenarios copy, and what becomes of it. Small, and one of each: nothing in a trace is there twice for the same reason.

import { chmodSync, mkdirSync, renameSync, rmSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { dir, file, link, type Tree, writeTree } from '../support/tree.js';

export const MIB = 1 << 20;

/** A file above what a bundle holds, of a few bytes, of none; a link; directories with modes of their own. */
export const TREE: Tree = {
  big: file({ size: 9 * MIB + 1 }),
  small: 'small',
  empty: '',
  link: link('small'),
  dir: dir({ inside: 'inside', deep: dir({ deeper: 'deeper' }, { mode: 0o750 }) }),
  'read-only': dir({ kept: 'kept' }, { mode: 0o555 }),
  private: file({ content: 'private', mode: 0o600 }),
};

/** Of everything a live source does between two passes, one. */
export function live(at: string): void {
  writeTree(at, {
    big: file({ size: 9 * MIB, seed: 2 }),
    small: 'written to',
    new: 'new',
    'new-dir': dir({ one: '1' }),
  });
  unlinkSync(join(at, 'empty'));
  rmSync(join(at, 'dir/deep'), { recursive: true });
  unlinkSync(join(at, 'link'));
  symlinkSync('private', join(at, 'link'));
  chmodSync(join(at, 'private'), 0o640);
  chmodSync(join(at, 'dir'), 0o700);
}

/** And once more. */
export function liveOn(at: string): void {
  writeTree(at, { small: 'written to again' });
  unlinkSync(join(at, 'new'));
  renameSync(join(at, 'new-dir'), join(at, 'renamed-dir'));
}

/** Every kind, and then every other one under the same name. */
export const KINDS_BEFORE: Tree = {
  'file-dir': 'file',
  'file-link': 'file',
  'dir-file': dir({ inside: 'inside', deep: dir({ deeper: 'deeper' }) }),
  'dir-link': dir({ inside: 'inside' }),
  'link-file': link('file-dir'),
  'link-dir': link('dir-file'),
  same: file({ content: 'same'.repeat(1000) }),
};

export function changeKinds(at: string): void {
  for (const name of Object.keys(KINDS_BEFORE)) if (name !== 'same') rmSync(join(at, name), { recursive: true });
  writeTree(at, {
    'file-dir': dir({ now: 'inside' }),
    'file-link': link('same'),
    'dir-file': 'a file now',
    'dir-link': link('file-dir'),
    'link-file': 'a file now',
    'link-dir': dir({ now: 'inside' }),
  });
}

/** What a verification has to find, each by another difference. */
export function differ(at: string): void {
  writeTree(at, { foreign: 'f', 'foreign-dir': dir({ inside: 'f' }), small: 'smell', private: 'longer than it was' });
  unlinkSync(join(at, 'empty'));
  unlinkSync(join(at, 'dir/inside'));
  mkdirSync(join(at, 'dir/inside'));
  unlinkSync(join(at, 'link'));
  symlinkSync('private', join(at, 'link'));
  chmodSync(join(at, 'read-only/kept'), 0o600);
  writeFileSync(join(at, 'dir/deep/deeper'), 'deeper'); // another time
}
