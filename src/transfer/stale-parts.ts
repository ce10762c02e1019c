// What CLEANING does with unfinished parts; everything else is removed in a lane.

import { partNameOf } from '../disk/disk.js';
import { type EntryKey, joinKey, parentOf } from '../files/entry.js';
import type { Plan } from '../plan/plan.js';
import type { TransferContext } from './transfer-context.js';

/** Unfinished bytes that no download of this pass will take up again. First it is written down that nothing is known of them any more. */
export function discardStaleParts({ staleParts }: Plan, { disk, journal }: TransferContext): void {
  const stale = new Set(staleParts.map(({ dir, name }) => joinKey(dir, name)));
  for (const key of journal.left()) if (stale.has(partKeyOf(key))) journal.ended(key);
  for (const { dir, name } of staleParts) disk.discard(dir, name);
}

const partKeyOf = (key: EntryKey): EntryKey => {
  const dir = parentOf(key);
  return joinKey(dir, partNameOf(key.slice(dir.length + 1)));
};
