// What CLEANING may remove, and how a refusal explains itself. Removes unfinished parts; everything else is removed in a lane.

import { LmError, printable } from '../errors.js';
import type { Share } from '../events.js';
import type { Plan } from './plan.js';
import type { TransferContext } from './transfer.js';

/** A count of entries, or a share (0 to 1) of what the destination holds, by entries or by bytes, whichever is larger. */
export type DeleteLimit = { kind: 'share'; share: number } | { kind: 'count'; entries: number };

/** A Sidecar tells nothing by which a disk that is not mounted could be noticed: a root that lost everything at once is one. */
export function refuseEmptiedRoots({ counts }: Plan, object: (error: LmError) => void): void {
  for (const [key, { source, local }] of counts.roots)
    if (source === 0 && local > 0)
      object(
        new LmError('refused', `the source lists nothing for ${key}, where ${local} entries are here`, {
          hint: 'is its disk mounted? if that directory is empty there by right, empty it here by hand',
        }),
      );
}

/** What a refusal has to show: how much would go, and what first. */
export function removalLines({ counts: { remove, local }, firstRemovals }: Plan): string[] {
  return [
    `it would remove ${remove.entries} of ${local.entries} entries (${remove.bytes} of ${local.bytes} bytes), first:`,
    ...firstRemovals.map((key) => `  ${printable(key)}`),
  ];
}

/** Objects with the plan and the flag that would allow it. A source that lists nothing never empties a destination. */
export function allowRemovals(plan: Plan, limit: DeleteLimit, object: (error: LmError) => void): void {
  const { remove, local, total } = plan.counts;
  if (remove.entries === 0) return;
  const details = removalLines(plan);
  if (total.entries === 0)
    return object(
      new LmError('refused', 'the source lists nothing at all, so nothing is removed here', {
        details,
        hint: 'is its disk mounted? to empty this destination, do it by hand',
      }),
    );
  const share = shareOf(remove, local);
  const allowed = limit.kind === 'count' ? remove.entries <= limit.entries : share <= limit.share;
  if (allowed) return;
  const asked = limit.kind === 'count' ? `${limit.entries}` : `${Number((limit.share * 100).toPrecision(15))}%`;
  object(
    new LmError('refused', `cleaning would remove more than --max-delete ${asked} allows`, {
      details,
      hint: `if that is right: --max-delete ${limit.kind === 'count' ? remove.entries : `${Math.ceil(share * 100)}%`}`,
    }),
  );
}

function shareOf(part: Share, whole: Share): number {
  const ratio = (a: number, b: number): number => (b === 0 ? 0 : a / b);
  return Math.max(ratio(part.entries, whole.entries), ratio(part.bytes, whole.bytes));
}

/** Unfinished bytes that no download of this pass will take up again. */
export function discardStaleParts({ staleParts }: Plan, { disk }: TransferContext): void {
  for (const { dir, name } of staleParts) disk.discard(dir, name);
}
