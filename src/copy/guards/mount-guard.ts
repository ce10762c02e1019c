// Whether what is mounted below a destination is what was given to lm with it: an unmounted disk must not be filled on its parent's,
// and nothing is removed from one that nobody spoke of. Records nothing.

import { LmError, printable } from '../../errors.js';
import type { KnownMount, MountPoint } from '../../linux/mount-points.js';
import type { Adoption } from '../../state/adoption.js';
import { compareMounts } from '../../state/identity/identity.js';
import type { Survey } from '../survey.js';
import type { Objection } from './objections.js';

/** Throws `refused` when anything has been mounted or unmounted since that survey began. */
export function refuseMovedMounts({ mountPoints, mounts }: Survey): void {
  const text = (points: readonly MountPoint[]): string => JSON.stringify(points.map(({ key, id }) => [key, id]));
  const now = mounts.now();
  if (text(now) === text(mountPoints)) return;
  const details = compareMounts(mountPoints, now);
  throw new LmError('refused', 'something was mounted or unmounted below the destination during this run', {
    details,
    hint: 'nothing was removed since; mount what belongs there, then copy again',
  });
}

/** No removal can take away a mount point: kept, it would be told for a copy, and emptied, it would be there still. */
export function refuseUnmatchedMounts({ plan, mountPoints, proof }: Survey, object: Objection): void {
  const onFiles = mountPoints.filter(({ isDirectory }) => !isDirectory);
  const onlyHere = proof.errors > 0 ? [] : plan.counts.mountsOnlyHere;
  if (onFiles.length + onlyHere.length === 0) return;
  object(
    new LmError('refused', 'mount points of the destination are in the way of what the source has', {
      details: [
        ...onlyHere.map((key) => `${printable(key)} is a mount point here and no directory at the source`),
        ...onFiles.map(({ key }) => `${printable(key)} is a file that is mounted by itself, which nothing can replace`),
      ],
      hint: 'unmount them here, or leave them out with dirs_to_exclude or files_to_exclude',
    }),
  );
}

/** What an adoption is to keep: those that took part as they are now, the others as they were. */
export function mountsToKeep({ mounts: known = [] }: Pick<Adoption, 'mounts'>, { mounts }: Survey): KnownMount[] {
  const now = mounts.now().map(({ key, root, fsType, source, ino, birthNs }) => ({
    key,
    root,
    fsType,
    source,
    ino,
    birthNs,
  }));
  return [...known.filter(({ key }) => !mounts.takesPart(key)), ...now];
}
