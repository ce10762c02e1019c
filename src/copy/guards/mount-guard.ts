// Checks that the mounts below a destination are those that were given to lm with it: files of an unmounted disk must not be written to
// the file system below, and nothing is removed from a disk that nobody named.

import { LmError, printable } from '../../errors.js';
import type { KnownMount, MountPoint } from '../../linux/mount-points.js';
import type { Objection } from '../../migration/guards/objections.js';
import type { Adoption } from '../../state/adoption.js';
import { compareMounts } from '../../state/identity/identity.js';
import type { Survey } from '../survey-types.js';

/** Throws `refused` when something was mounted or unmounted since the survey began. */
export function refuseMovedMounts({ mountPoints, mounts }: Survey): void {
  const text = (points: readonly MountPoint[]): string => JSON.stringify(points.map(({ key, id }) => [key, id]));
  const now = mounts.now();
  if (text(now) === text(mountPoints)) return;
  const details = compareMounts(mountPoints, now);
  throw new LmError('other-mounts', 'something was mounted or unmounted below the destination during this run', {
    details,
    hint: 'nothing was removed since; mount what belongs there, then copy again',
  });
}

/** A removal cannot remove a mount point: if it is left, it passes for a copied directory, and emptied it still exists. */
export function refuseUnmatchedMounts({ plan, mountPoints, totals }: Survey, object: Objection): void {
  const onFiles = mountPoints.filter(({ isDirectory }) => !isDirectory);
  const onlyHere = totals.errors > 0 ? [] : plan.counts.mountsOnlyHere;
  if (onFiles.length + onlyHere.length === 0) return;
  object(
    new LmError('other-mounts', 'mount points of the destination are in the way of what the source has', {
      details: [
        ...onlyHere.map((key) => `${printable(key)} is a mount point here and no directory at the source`),
        ...onFiles.map(({ key }) => `${printable(key)} is a file that is mounted by itself, which nothing can replace`),
      ],
      hint: 'unmount them here, or leave them out with dirs_to_exclude or files_to_exclude',
    }),
  );
}

/** Returns the mounts for the adoption's record: those that take part as they are now, the others as they were. */
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
