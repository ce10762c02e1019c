// Finds the files that a pass below 1.0 leaves for the final pass: requests them from the source before each listing. plan/hot-files.ts
// decides which names can be among them.

import { closeSync, fstatSync, readFileSync } from 'node:fs';
import { DirCache } from '../../files/dirfd.js';
import { type EntryKey, parentOf } from '../../files/entry.js';
import type { Roots } from '../../files/roots.js';
import { type ChangedFiles, type HotFiles, hotFiles, mayHoldHotFiles } from '../../plan/hot-files.js';
import type { Source } from '../../source/source.js';

/** Throws what the source throws. */
export async function findLeftFiles(
  source: Pick<Source, 'openFiles'>,
  roots: Roots,
  changed: ChangedFiles,
  signal: AbortSignal,
): Promise<HotFiles> {
  const asks = roots.some(({ key }) => mayHoldHotFiles(key));
  const report = asks ? await source.openFiles?.(signal, { hot: true }) : undefined;
  return hotFiles(report, changed, (index) => isCompleted(roots, index));
}

/** False for an index that does not exist here yet, or cannot be read. */
function isCompleted(roots: Roots, index: EntryKey): boolean {
  const dirs = new DirCache(roots);
  try {
    const fd = dirs.openFile(parentOf(index), index.slice(index.lastIndexOf('/') + 1));
    try {
      return fstatSync(fd).isFile() && readFileSync(fd, 'latin1').split('\n')[1]?.trim() === 'COMPLETED';
    } finally {
      closeSync(fd);
    }
  } catch {
    return false;
  } finally {
    dirs.close();
  }
}
