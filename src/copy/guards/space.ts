// Whether there is room for what a pass will download, at each root and mount point. Writes nothing.

import type { Roots } from '../../files/roots.js';
import { checkSpace, type SpaceNeed } from '../../guards/guard-space.js';
import type { MountPoint } from '../../linux/mount-points.js';
import { noRoom, roomNeeded } from '../../plan/counts.js';
import type { Plan } from '../../plan/plan.js';
import type { Survey } from '../survey.js';
import { noRoomForBoth } from './max-delete.js';
import { type Objection, objecting } from './objections.js';

export interface RoomOptions {
  roots: Roots;
  concurrency: number;
  /** What is to go stays until what replaces it has come, so that there has to be room for both. */
  removesLater: boolean;
  /** What is to go has not gone, though it would have by then: a dry run removes nothing. */
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

/** What the downloads take up in the cleaned tree. */
function needsOf(
  { counts, bytesResumed }: Plan,
  places: readonly Pick<MountPoint, 'key' | 'path'>[],
  concurrency: number,
  uncleaned: boolean,
): SpaceNeed[] {
  return places.map(({ key, path }) => {
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
