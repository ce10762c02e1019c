// Makes entries of the roots themselves: from the header of the listing, and from this host.

import { lstatSync } from 'node:fs';
import { localError } from '../errors.js';
import { type Entry, kindOf, NO_INODE, type RootKey, S_IFDIR } from '../files/entry.js';
import type { ListedRoot } from '../files/listing.js';
import type { Roots } from '../files/roots.js';

/** A root as a directory of its type, named by its index. It has no times, because no listing has those of a root. */
export interface RootPair {
  source: Entry;
  local: Entry;
}

/** A root that a dry run has not made gets the attributes that a real run would give it (owner root, where owners count). Throws `local`. */
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
      : attributesOf(here.path);
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
  allocated: undefined,
});

function attributesOf(path: string): Attributes {
  try {
    const { ino, mode, uid, gid } = lstatSync(path, { bigint: true });
    return { ino: `${ino}`, mode: Number(mode), uid: Number(uid), gid: Number(gid) };
  } catch (error) {
    throw localError('look at', path, error);
  }
}
