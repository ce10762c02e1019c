// The roots themselves as entries: what the listing's header says of each beside what this host has. Compares nothing.

import { lstatSync } from 'node:fs';
import { localError } from '../errors.js';
import { type Entry, kindOf, type ListedRoot, NO_INODE, type RootKey, S_IFDIR } from '../files/entry.js';
import type { Roots } from '../files/roots.js';

/** As a directory of its type, named by its index. Without sizes and times, which nobody tells of a root. */
export interface RootPair {
  source: Entry;
  local: Entry;
}

/** A root that a dry run has not made is taken to be as the real run would make it (root, where owners count). Throws `local`. */
export function rootPairs(
  listed: readonly ListedRoot[],
  roots: Roots,
  absent: readonly RootKey[],
): Map<RootKey, RootPair> {
  const pairs = new Map<RootKey, RootPair>();
  for (const source of listed) {
    const here = roots.find(({ key }) => key === source.key);
    if (!here) continue;
    const local = absent.includes(here.key)
      ? { ino: NO_INODE, mode: S_IFDIR | 0o700, uid: 0, gid: 0 }
      : lookAt(here.path);
    pairs.set(here.key, { source: entryOf(here.index, source), local: entryOf(here.index, local) });
  }
  return pairs;
}

type Attributes = Pick<ListedRoot, 'ino' | 'mode' | 'uid' | 'gid'>;

const entryOf = (index: number, { ino, mode, uid, gid }: Attributes): Entry => ({
  name: `${index}`,
  kind: kindOf(mode),
  size: '0',
  mtimeNs: '0',
  mode,
  ino: ino === NO_INODE ? undefined : ino,
  owner: uid === null || gid === null ? undefined : { uid, gid },
  target: undefined,
  ctimeNs: undefined,
  links: undefined,
});

function lookAt(path: string): Attributes {
  try {
    const { ino, mode, uid, gid } = lstatSync(path, { bigint: true });
    return { ino: `${ino}`, mode: Number(mode), uid: Number(uid), gid: Number(gid) };
  } catch (error) {
    throw localError('look at', path, error);
  }
}
