// Removes stale parts while a pass cleans. That of a download that fails is discarded by whoever wrote it.

import { partNameOf } from '../../disk/disk.js';
import { type EntryKey, joinKey, parentOf } from '../../files/entry.js';
import type { Plan } from '../../plan/plan.js';
import type { TransferContext } from '../transfer-context.js';

/** Removes the parts that no download of this pass resumes. The journal forgets them first. */
export function discardStaleParts({ staleParts }: Plan, { disk, journal }: TransferContext): void {
  const stale = new Set(staleParts.map(({ dir, name }) => joinKey(dir, name)));
  for (const key of journal.unfinished()) if (stale.has(partKeyOf(key))) journal.ended(key);
  for (const { dir, name } of staleParts) disk.discard(dir, name);
}

const partKeyOf = (key: EntryKey): EntryKey => {
  const dir = parentOf(key);
  return joinKey(dir, partNameOf(key.slice(dir.length + 1)));
};
