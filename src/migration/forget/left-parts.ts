// Removes the unfinished files that copies have left, once nothing goes on with them. Not those that a repair has taken in hand: such a part
// was a file of this host, and may be all that is left of it.

import { lstatSync, unlinkSync } from 'node:fs';
import { Directories } from '../../disk/directories.js';
import { isKnownBy, partNameOf } from '../../disk/disk.js';
import type { DirHandle } from '../../files/dirfd.js';
import { type EntryKey, joinKey, parentOf } from '../../files/entry.js';
import { allocatedBytes } from '../../linux/holes.js';
import { type Instance, rootsOf } from '../../state/instance.js';
import { readJournal } from '../../state/journal/journal.js';

export interface LeftParts {
  removed: number;
  /** The space that these took. */
  bytes: number;
  /** The paths of those that a repair has left. */
  kept: string[];
}

/** For whoever has locked the roots. Throws `local` for one that cannot be removed. */
export function removeLeftParts(instance: Instance): LeftParts {
  const left: LeftParts = { removed: 0, bytes: 0, kept: [] };
  if (instance.untrusted !== undefined) return left;
  const directories = new Directories(rootsOf(instance));
  try {
    for (const [key, { partId, unpublished }] of readJournal(instance.dir).parts) {
      const part = partKeyOf(key);
      const judge = (handle: DirHandle): void => {
        const at = handle.at(part.slice(parentOf(part).length + 1));
        const stat = lstatSync(at, { bigint: true });
        if (!stat.isFile() || stat.nlink !== 1n || !isKnownBy(partId, stat)) return;
        if (unpublished) return void left.kept.push(directories.path(part));
        unlinkSync(at);
        left.removed++;
        left.bytes += allocatedBytes(stat);
      };
      directories.in(parentOf(key), 'remove', part, judge, () => {}); // it may be gone, and its directory with it
    }
  } finally {
    directories.close();
  }
  return left;
}

function partKeyOf(key: EntryKey): EntryKey {
  const dir = parentOf(key);
  return joinKey(dir, partNameOf(key.slice(dir.length + 1)));
}
