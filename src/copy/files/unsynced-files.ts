// Which files here may have lost their bytes because the machine went down before they were on disk. Reads no contents.

import { lstatSync } from 'node:fs';
import type { Emit } from '../../events.js';
import { DirCache } from '../../files/dirfd.js';
import { type EntryKey, parentOf } from '../../files/entry.js';
import type { Roots } from '../../files/roots.js';
import { type History, isSuspect } from '../../state/journal/history.js';

export interface Suspects {
  /** Whether there can be any at all. */
  readonly possible: boolean;
  isSuspect(key: EntryKey): boolean;
  /** How many have been found since this was last asked; closes what was opened to find them. */
  found(): number;
}

/** `nowMs`: what is written after it belongs to this run. */
export function createSuspects({ unsynced }: Pick<History, 'unsynced'>, roots: Roots, nowMs: number): Suspects {
  const ended = unsynced.map((time) => ({ ...time, toMs: time.toMs ?? (nowMs >= time.fromMs ? nowMs : null) }));
  const dirs = new DirCache(roots);
  let count = 0;
  return {
    possible: ended.length > 0,
    isSuspect(key) {
      const suspect = isSuspect({ unsynced: ended }, changedMs(dirs, key));
      if (suspect) count++;
      return suspect;
    },
    found() {
      dirs.close();
      const found = count;
      count = 0;
      return found;
    },
  };
}

/** Owner, mode, time, name or contents last changed then. What cannot be looked at is as suspect as can be. */
function changedMs(dirs: DirCache, key: EntryKey): number {
  try {
    return lstatSync(dirs.open(parentOf(key)).at(key.slice(key.lastIndexOf('/') + 1))).ctimeMs;
  } catch {
    return Number.NaN;
  }
}

export function tellSuspects(found: number, differing: number, emit: Emit): void {
  if (found === 0) return;
  const which = found === 1 ? '1 file' : `${found} files`;
  emit({
    type: 'warning',
    text: `this machine went down before ${which} were surely on disk: compared by digest, ${differing} to be fetched again`,
  });
}
