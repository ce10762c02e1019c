// Decides whether --repair may write to this destination: it has to be lm's, as for a copy.

import { LmError, printable } from '../../errors.js';
import type { Destination } from '../../migration/destination.js';
import { mountDifferences, mountsChangedError } from '../../migration/known-sides.js';
import type { User } from '../../migration/user.js';
import type { LocalMounts } from '../../sides/listings.js';
import { notAdopted, readAdoption } from '../../state/adoption.js';
import { destinationRoots, readIdentities } from '../../state/identity/identity-file.js';

export type RepairedMigration = Pick<Destination<'verify'>, 'settings' | 'roots' | 'instance'> & { user: User };

/** Throws `refused` where lm was never told that it may change what is here. */
export function refuseNotAdopted({ roots, instance }: Pick<RepairedMigration, 'roots' | 'instance'>): void {
  const strange = notAdopted(readAdoption(instance.dir), destinationRoots(roots));
  if (strange.length === 0 && readIdentities(instance.dir)) return;
  throw new LmError('not-adopted', '--repair would write to a destination that was not given to lm', {
    details: strange.map(({ key, path }) => `${key} is ${printable(path)}`),
    hint: 'lm copy gives it to lm, with --adopt where there is something in it already; lm verify without --repair writes nothing',
  });
}

/** Throws `refused` when the mounts here are not those that were given to lm. */
export function refuseOtherMounts({ instance }: Pick<RepairedMigration, 'instance'>, mounts: LocalMounts): void {
  const adoption = readAdoption(instance.dir);
  const moved = adoption?.mounts ? mountDifferences(adoption, mounts) : [];
  if (moved.length > 0) throw mountsChangedError(moved);
}
