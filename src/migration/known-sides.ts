// Checks that both sides, and the mounts here, are still those that were copied and given to lm.

import { LmError, printable } from '../errors.js';
import type { ListingHeader } from '../files/listing.js';
import type { Roots } from '../files/roots.js';
import type { LocalMounts } from '../sides/listings.js';
import type { Source } from '../source/source.js';
import { type Adoption, readAdoption } from '../state/adoption.js';
import { compareDestinations, compareMounts, compareSources, sourceIdentity } from '../state/identity/identity.js';
import { destinationRoots, readIdentities } from '../state/identity/identity-file.js';
import type { Instance } from '../state/instance.js';

/** A source that is complete lists nothing any more. `hint` names a way out. */
export function refuseIfSourceComplete(source: Source, hint?: string): void {
  if (source.firstStatus.state !== 'NOT_COMPLETED') throw sourceCompleteError(source, hint);
}

export const sourceCompleteError = (
  { url, kind }: Pick<Source, 'url' | 'kind'>,
  hint = `it serves nothing any more; there, ${CLEARED_BY[kind]} clears the record`,
): LmError => new LmError('already-complete', `the migration is already complete at the source, ${url}`, { hint });

/** A snapshot is not what the service leaves: `what` takes the live directory. */
export const snapshotError = ({ url, snapshot = '' }: Pick<Source, 'url' | 'snapshot'>, what: string): LmError =>
  new LmError(
    'snapshot-served',
    `the source, ${url}, serves a snapshot of ${printable(snapshot)}: ${what} takes the live directory`,
    {
      hint: `serve the live directory there, without --as; ${WARM_PASS}`,
    },
  );

const WARM_PASS = 'a pass below 1.0 may be of a snapshot: lm copy --threshold 0.95';

/** A Sidecar takes the second step only after the first (`docs/src/live-migration.adoc`). */
const CLEARED_BY: Record<Source['kind'], string> = {
  lm: 'lm reset',
  sidecar: 'taking the pair out of the migration map, then DELETE /api/v1/live-migration/status,',
};

/** Throws `refused` for another source or directory: comparing those would prove nothing about this migration. */
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
    if (moved.length > 0) throw mountsChangedError(moved);
    return;
  }
  throw new LmError('other-sides', 'these are not the source and the directories that were copied', {
    details: [...source, ...destination],
    hint: hintForOthers(destination.length > 0),
  });
}

/** Another directory was never given to lm, so that the copy that accepts it needs both flags. */
export const hintForOthers = (isDestination: boolean): string =>
  `is its disk mounted? if the change is meant, copy once with ${isDestination ? '--new-source --adopt' : '--new-source'}`;

/** The differences between the mounts of the adoption that take part and the mounts now, a line each. */
export function mountDifferences({ mounts: known = [] }: Pick<Adoption, 'mounts'>, mounts: LocalMounts): string[] {
  const takingPart = known.filter(({ key }) => mounts.takesPart(key));
  return compareMounts(takingPart, mounts.now());
}

export const mountsChangedError = (details: string[]): LmError =>
  new LmError('other-mounts', 'what is mounted below the destination is not what was given to lm with it', {
    details,
    hint: 'is its disk mounted? if all that is mounted there now may be changed, copy once with --adopt',
  });
