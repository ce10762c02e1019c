// The only place where a key becomes a local path. Refuses anything that would leave its root.

import { LmError, printable } from '../errors.js';
import { DIR_TYPES, type DirType, type EntryKey, type RootKey, rootOf } from './entry.js';

/** A directory that takes part in the migration. `path` is absolute and real (no symbolic link, no trailing slash). */
export interface Root {
  key: RootKey;
  type: DirType;
  index: number;
  path: string;
}

export type Roots = readonly Root[];

/** The Sidecar's order: by type as DIR_TYPES has them, then by index. */
export const inSidecarOrder = (roots: Roots): Root[] =>
  [...roots].sort((a, b) => DIR_TYPES.indexOf(a.type) - DIR_TYPES.indexOf(b.type) || a.index - b.index);

/** Throws `protocol` for a key no honest listing holds: unknown root, `.`, `..`, an empty component, NUL, a lone surrogate. */
export function pathOf(roots: Roots, key: EntryKey): string {
  const root = rootFor(roots, key);
  const rest = key.slice(root.key.length + 1);
  if (rest === '') return root.path;
  for (const name of rest.split('/')) checkName(name, key);
  return `${root.path}/${rest}`;
}

export function rootFor(roots: Roots, key: EntryKey): Root {
  const rootKey = rootOf(key);
  const root = roots.find((r) => r.key === rootKey);
  if (!root) throw new LmError('protocol', `no root is configured for ${printable(key)}`);
  return root;
}

/** One path component from the wire. `within` is what the message names. */
export function checkName(name: string, within: EntryKey): void {
  if (name === '' || name === '.' || name === '..' || name.includes('/') || name.includes('\0') || !name.isWellFormed())
    throw new LmError('protocol', `unsafe path from the source: ${printable(within)}`);
}
