// Turns a key into a local path, which no other file does. It refuses a key that would lead out of its root.

import { LmError, printable } from '../errors.js';
import { DIR_TYPES, type DirType, type EntryKey, isWithin, type RootKey, rootOf } from './entry.js';

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

/** In UTF-16 units. Linux opens no path of more than 4,096 bytes at once; no data directory lies much deeper. */
export const MAX_KEY = 8192;

/** In UTF-16 units. Most file systems take 255 bytes, ZFS up to 1,023. */
const MAX_NAME = 1023;

/**
 * Throws `protocol` for a key that no honest listing holds: an unknown root, `.`, `..`, an empty component, NUL, a lone surrogate, or too
 * long a key, whose directories would take for ever to open one by one.
 */
export function pathOf(roots: Roots, key: EntryKey): string {
  if (key.length > MAX_KEY) throw unsafe(key);
  const root = rootFor(roots, key);
  const rest = key.slice(root.key.length + 1);
  if (rest === '') return root.path;
  for (const name of rest.split('/')) checkName(name, key);
  return `${root.path}/${rest}`;
}

export function rootFor(roots: Roots, key: EntryKey): Root {
  const rootKey = rootOf(key);
  const root = roots.find((r) => r.key === rootKey);
  if (!root) throw new LmError('unsafe-path', `no root is configured for ${printable(key.slice(0, MAX_SHOWN))}`);
  return root;
}

/** Whether an absolute path is `directory` or lies in it. Compares text: both must be real paths, without a trailing slash. */
export const isInside = (path: string, directory: string): boolean =>
  directory === '/' ? path.startsWith('/') : isWithin(path, directory);

/** Checks one path component from the wire. Throws `protocol`; the message names `within`. */
export function checkName(name: string, within: EntryKey): void {
  if (name === '' || name === '.' || name === '..' || name.length > MAX_NAME) throw unsafe(within);
  if (name.includes('/') || name.includes('\0') || !name.isWellFormed()) throw unsafe(within);
}

const unsafe = (key: EntryKey): LmError => {
  const shown = key.length > MAX_SHOWN ? `${key.slice(0, MAX_SHOWN)}…` : key;
  return new LmError('unsafe-path', `unsafe path from the source: ${printable(shown)}`);
};

/** A path can be as long as the message it came in, and nobody reads more than this. */
const MAX_SHOWN = 300;
