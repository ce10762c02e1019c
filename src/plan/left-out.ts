// Counts entries that take no part in a run, and names the first few.

import type { EntryKey } from '../files/entry.js';
import { FIRST_FEW, type ListingTotals } from '../files/listing.js';
import type { Fidelity } from '../linux/fidelity.js';
import type { Named, NotKept } from '../report/parts.js';

export const noneNamed = (): Named => ({ entries: 0, first: [] });

export function addNamed(named: Named, key: EntryKey): void {
  named.entries++;
  if (named.first.length < FIRST_FEW) named.first.push(key);
}

/** Entries that a listing has left out, and `besides`, those of it that this side excludes. */
export const excludedBy = ({ excluded, firstExcluded }: ListingTotals, besides: Named = noneNamed()): Named => ({
  entries: excluded + besides.entries,
  first: [...firstExcluded, ...besides.first].slice(0, FIRST_FEW),
});

/** Undefined where everything is kept. */
export function notKeptIn(
  found: Pick<NotKept, 'times' | 'modes' | 'owners'>,
  fidelity: Fidelity | undefined,
): NotKept | undefined {
  const { times, modes, owners } = found;
  if (!fidelity || times.entries + modes.entries + owners.entries === 0) return undefined;
  return { ...found, causes: fidelity.causes([...modes.first, ...owners.first]) };
}
