// Makes entries for tests: a test names the fields that matter, and the rest is that of a small file.

import { type Entry, kindOf, S_IFDIR, S_IFLNK, S_IFREG } from '../../src/files/entry.js';

/** By default a file of one byte that belongs to root; the kind follows from the mode. */
export function entryWith(facts: Partial<Entry> = {}): Entry {
  const { mode = S_IFREG | 0o644 } = facts;
  return {
    name: 'f',
    kind: kindOf(mode),
    size: '1',
    mtimeNs: '5',
    mode,
    ino: '7',
    owner: { uid: 0, gid: 0 },
    target: undefined,
    ctimeNs: undefined,
    links: undefined,
    allocated: undefined,
    ...facts,
  };
}

export const fileEntry = (name: string, facts: Partial<Entry> = {}): Entry => entryWith({ name, ...facts });

export const dirEntry = (name: string, facts: Partial<Entry> = {}): Entry =>
  entryWith({ name, mode: S_IFDIR | 0o755, size: '0', ...facts });

export const linkEntry = (name: string, target: string, facts: Partial<Entry> = {}): Entry =>
  entryWith({ name, mode: S_IFLNK | 0o777, size: '0', target, ...facts });
