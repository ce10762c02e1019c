// What CLEANING does with unfinished parts; everything else is removed in a lane.

import type { Plan } from '../plan/plan.js';
import type { TransferContext } from './transfer-context.js';

/** Unfinished bytes that no download of this pass will take up again. */
export function discardStaleParts({ staleParts }: Plan, { disk }: TransferContext): void {
  for (const { dir, name } of staleParts) disk.discard(dir, name);
}
