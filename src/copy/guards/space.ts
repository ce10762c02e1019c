// Checks that there is room for what a pass will download, at each root and mount point.

import type { Roots } from '../../files/roots.js';
import { checkSpace, type SpaceNeed } from '../../guards/guard-space.js';
import type { MountPoint } from '../../linux/mount-points.js';
import { type Objection, objecting } from '../../migration/guards/objections.js';
import { noRoom, roomNeeded } from '../../plan/counts.js';
import type { Plan } from '../../plan/plan.js';
import type { Survey } from '../survey-types.js';
import { noRoomForBoth } from './max-delete.js';

interface RoomOptions {
  roots: Roots;
  concurrency: number;
  /** Removals come after the downloads, so that there has to be room for both. */
  removesLater: boolean;
  /** Nothing has been removed, though a real run would have done so by now: a dry run. */
  uncleaned: boolean;
  object: Objection;
}

/** Objects with `local`, or with `refused` where both have to fit. */
export async function checkRoom(survey: Survey, options: RoomOptions): Promise<void> {
  const { roots, concurrency, removesLater, uncleaned, object } = options;
  const { plan, mountPoints } = survey;
  const mounts = mountPoints.filter(({ key }) => plan.counts.room.has(key));
  const checked = checkSpace(needsOf(plan, [...roots, ...mounts], concurrency, uncleaned));
  await objecting(
    removesLater ? checked.catch((error: unknown) => Promise.reject(noRoomForBoth(error, survey))) : checked,
    object,
  );
}

/** The space that the downloads take up in the cleaned tree. */
function needsOf(
  { counts, bytesResumed }: Plan,
  directories: readonly Pick<MountPoint, 'key' | 'path'>[],
  concurrency: number,
  uncleaned: boolean,
): SpaceNeed[] {
  return directories.map(({ key, path }) => {
    const room = counts.room.get(key) ?? noRoom();
    const { bytes, inodes } = roomNeeded(room, concurrency);
    const there = (bytesResumed.get(key) ?? 0) + (uncleaned ? room.freedBytes : 0);
    return {
      name: key,
      path,
      bytes: BigInt(Math.max(0, bytes - there)),
      inodes: BigInt(Math.max(0, inodes - (uncleaned ? room.freedInodes : 0))),
    };
  });
}
