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

/** What cassandra.yaml calls the directories of a type. */
export const YAML_KEYS = {
  hints: 'hints_directory',
  commitlog: 'commitlog_directory',
  saved_caches: 'saved_caches_directory',
  cdc_raw: 'cdc_raw_directory',
  local_system_data: 'local_system_data_file_directory',
  data: 'data_file_directories',
} as const satisfies Record<DirType, string>;

/** A directory as a line of cassandra.yaml: `hints_directory: DIR`. */
export const yamlLine = (type: DirType, dir: string): string =>
  `${YAML_KEYS[type]}: ${type === 'data' ? `[${dir}]` : dir}`;

/** The Sidecar's order: by type as DIR_TYPES has them, then by index. */
export const inSidecarOrder = (roots: Roots): Root[] =>
  [...roots].sort((a, b) => DIR_TYPES.indexOf(a.type) - DIR_TYPES.indexOf(b.type) || a.index - b.index);

/** In UTF-16 units. Linux opens no path of more than 4,096 bytes at once; what lies much deeper is no data directory. */
export const LONGEST_KEY = 8192;

/** In UTF-16 units. Most file systems take 255 bytes, ZFS up to 1,023. */
const LONGEST_NAME = 1023;

/**
 * Throws `protocol` for a key no honest listing holds: unknown root, `.`, `..`, an empty component, NUL, a lone surrogate, or
 * one that is too long: opening its directories one by one would take for ever.
 */
export function pathOf(roots: Roots, key: EntryKey): string {
  if (key.length > LONGEST_KEY) throw unsafe(key);
  const root = rootFor(roots, key);
  const rest = key.slice(root.key.length + 1);
  if (rest === '') return root.path;
  for (const name of rest.split('/')) checkName(name, key);
  return `${root.path}/${rest}`;
}

export function rootFor(roots: Roots, key: EntryKey): Root {
  const rootKey = rootOf(key);
  const root = roots.find((r) => r.key === rootKey);
  if (!root) throw new LmError('protocol', `no root is configured for ${printable(key.slice(0, LONGEST_TOLD))}`);
  return root;
}

/** One path component from the wire. `within` is what the message names. */
export function checkName(name: string, within: EntryKey): void {
  if (name === '' || name === '.' || name === '..' || name.length > LONGEST_NAME) throw unsafe(within);
  if (name.includes('/') || name.includes('\0') || !name.isWellFormed()) throw unsafe(within);
}

const unsafe = (key: EntryKey): LmError => {
  const told = key.length > LONGEST_TOLD ? `${key.slice(0, LONGEST_TOLD)}…` : key;
  return new LmError('protocol', `unsafe path from the source: ${printable(told)}`);
};

/** Nobody reads more, and a path can be as long as the message it came in. */
const LONGEST_TOLD = 300;
