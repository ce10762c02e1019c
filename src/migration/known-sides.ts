// Whether the two sides, and what is mounted here, are still those that were copied and given to lm. Compares no files and records nothing.

import { LmError } from '../errors.js';
import type { ListingHeader } from '../files/entry.js';
import type { Roots } from '../files/roots.js';
import type { LocalMounts } from '../sides/both-sides.js';
import type { Source } from '../source/source.js';
import { type Adoption, readAdoption } from '../state/adoption.js';
import { compareDestinations, compareMounts, compareSources, sourceIdentity } from '../state/identity/identity.js';
import { destinationRoots, readIdentities } from '../state/identity/identity-file.js';
import type { Instance } from '../state/instance.js';

/** What is complete lists nothing any more. `hint` is the way out. */
export function refuseIfSourceComplete({ url, firstStatus }: Source, hint: string): void {
  if (firstStatus.state === 'NOT_COMPLETED') return;
  throw new LmError('refused', `the migration is already complete at the source, ${url}`, { hint });
}

/** A proof against another source, or of another directory, would prove nothing about this migration. */
export function refuseOtherSides(
  { instance, roots }: { instance: Instance; roots: Roots },
  url: string,
  header: ListingHeader,
  mounts: LocalMounts,
): void {
  const known = readIdentities(instance.dir);
  if (!known) return; // nothing was ever copied by lm
  const source = compareSources(known.source, sourceIdentity(url, header));
  const destination = compareDestinations(known.destination, destinationRoots(roots));
  if (source.length + destination.length === 0) {
    const adoption = readAdoption(instance.dir);
    const moved = adoption?.mounts ? mountDifferences(adoption, mounts) : [];
    if (moved.length > 0) throw mountsChanged(moved);
    return;
  }
  throw new LmError('refused', 'these are not the source and the directories that were copied', {
    details: [...source, ...destination],
    hint: hintForOthers(destination.length > 0),
  });
}

/** A directory that is another one was never given to lm, so that the copy that accepts it takes both words. */
export const hintForOthers = (isDestination: boolean): string =>
  `is its disk mounted? if the change is meant, copy once with ${isDestination ? '--new-source --adopt' : '--new-source'}`;

/** What differs from the mounts of the adoption, as far as they take part; a line each. */
export function mountDifferences({ mounts: known = [] }: Pick<Adoption, 'mounts'>, mounts: LocalMounts): string[] {
  const takingPart = known.filter(({ key }) => mounts.takesPart(key));
  return compareMounts(takingPart, mounts.now());
}

export const mountsChanged = (details: string[]): LmError =>
  new LmError('refused', 'what is mounted below the destination is not what was given to lm with it', {
    details,
    hint: 'is its disk mounted? if all that is mounted there now may be changed, copy once with --adopt',
  });
