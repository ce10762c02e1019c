// What takes no part in a run, gathered from the listings and the plan: counted, and the first few named.

import { type EntryKey, FIRST_FEW, joinKey, type ListingEnd } from '../files/entry.js';
import type { Fidelity } from '../linux/fidelity.js';
import type { Named, NotKept } from '../report.js';
import type { Plan } from './plan.js';

export const nobody = (): Named => ({ entries: 0, first: [] });

export function name(named: Named, key: EntryKey): void {
  named.entries++;
  if (named.first.length < FIRST_FEW) named.first.push(key);
}

/** What a listing left out itself, and what else of it this side excludes. */
export const excludedBy = ({ excluded, firstExcluded }: ListingEnd, besides: Named = nobody()): Named => ({
  entries: excluded + besides.entries,
  first: [...firstExcluded, ...besides.first].slice(0, FIRST_FEW),
});

/** Undefined where there is none. */
export function notKeptIn(
  found: Pick<NotKept, 'times' | 'modes' | 'owners'>,
  fidelity: Fidelity | undefined,
): NotKept | undefined {
  const { times, modes, owners } = found;
  if (!fidelity || times.entries + modes.entries + owners.entries === 0) return undefined;
  return { ...found, causes: fidelity.causes([...modes.first, ...owners.first]) };
}

/** Unfinished work of lm that this run had no use for; it is removed. */
export const staleIn = ({ staleParts }: Plan): Named => ({
  entries: staleParts.length,
  first: staleParts.slice(0, FIRST_FEW).map((part) => joinKey(part.dir, part.name)),
});
