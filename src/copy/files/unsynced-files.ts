// Finds the files here that may have lost bytes because the machine crashed before they were on disk. Reads no contents.

import { lstatSync } from 'node:fs';
import type { Emit } from '../../events.js';
import { DirCache } from '../../files/dirfd.js';
import { type EntryKey, parentOf } from '../../files/entry.js';
import type { Roots } from '../../files/roots.js';
import { type History, mayBeUnsynced } from '../../state/journal/history.js';

export interface UnsyncedFiles {
  /** Whether there can be such files at all. */
  readonly possible: boolean;
  /** Counts the file, if it does. */
  needsDigest(key: EntryKey): boolean;
  /** The same, without counting. */
  includes(key: EntryKey): boolean;
  /** Returns how many files needed a digest since the last call, and closes the directories opened for that. */
  takeCount(): number;
}

/** `nowMs` is when this run began: what is written later is its own. */
export function createUnsyncedFiles(
  { unsynced }: Pick<History, 'unsynced'>,
  roots: Roots,
  nowMs: number,
): UnsyncedFiles {
  const ended = unsynced.map((period) => ({ ...period, toMs: period.toMs ?? (nowMs >= period.fromMs ? nowMs : null) }));
  const dirs = new DirCache(roots);
  let count = 0;
  const includes = (key: EntryKey): boolean =>
    ended.length > 0 && mayBeUnsynced({ unsynced: ended }, ctimeMsOf(dirs, key));
  return {
    possible: ended.length > 0,
    needsDigest(key) {
      const isUnsynced = includes(key);
      if (isUnsynced) count++;
      return isUnsynced;
    },
    includes,
    takeCount() {
      dirs.close();
      const found = count;
      count = 0;
      return found;
    },
  };
}

/** When owner, mode, time, name or contents last changed; NaN for an entry that cannot be examined. */
function ctimeMsOf(dirs: DirCache, key: EntryKey): number {
  try {
    return lstatSync(dirs.open(parentOf(key)).at(key.slice(key.lastIndexOf('/') + 1))).ctimeMs;
  } catch {
    return Number.NaN;
  }
}

export function reportUnsynced(found: number, differing: number, emit: Emit): void {
  if (found === 0) return;
  const which = found === 1 ? '1 file' : `${found} files`;
  emit({
    type: 'warning',
    text: `this machine crashed, and ${which} may not have been on disk: compared by digest, ${differing} to be copied again`,
  });
}
