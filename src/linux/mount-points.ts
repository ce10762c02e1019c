// What is mounted below the roots, by key: where another disk, or another directory, shows in their tree. Judges nothing.

import { lstatSync } from 'node:fs';
import { localError } from '../errors.js';
import { birthOf } from '../files/directory-marks.js';
import { HAS_PROC_FD } from '../files/dirfd.js';
import { type EntryKey, parentOf, rootOf } from '../files/entry.js';
import type { Roots } from '../files/roots.js';
import { type Mounts, readMounts, visibleMounts } from './mounts.js';

/** A mount as it is known again, after a boot as well: all but the device number. */
export interface KnownMount {
  key: EntryKey;
  /** The directory of the file system that is mounted, as mountinfo has it. */
  root: string;
  fsType: string;
  /** The device or server it comes from, as mountinfo has it. */
  source: string;
  /** Of the directory that is mounted; '0' when it may not be looked at. */
  ino: string;
  /** When that directory was made, which tells disks apart whose inodes are alike; '0' where it is not kept. */
  birthNs: string;
}

export interface MountPoint extends KnownMount {
  path: string;
  /** Of the mount, as long as it lasts. */
  id: string;
  /** Major and minor number, another one perhaps after the next boot. */
  device: string;
  isDirectory: boolean;
}

/** In the order of the mount table. The roots themselves are none. Throws `local` when the table cannot be read. */
export function mountPointsBelow(roots: Roots): MountPoint[] {
  const mounts = visibleMounts(ownMounts());
  return roots.flatMap((root) =>
    mounts
      .filter(({ point }) => point.startsWith(`${root.path}/`))
      .map(({ id, device, root: mounted, fsType, source, point }) => {
        const key = root.key + point.slice(root.path.length);
        return { key, path: point, id, device, root: mounted, fsType, source, ...lookAt(point) };
      }),
  );
}

/** On which file system a directory lies: the last of the mount points on the way to it, or its root. */
export function mountFinder(mounts: readonly Pick<MountPoint, 'key'>[]): (dir: EntryKey) => EntryKey {
  if (mounts.length === 0) return rootOf;
  const keys = new Set(mounts.map(({ key }) => key));
  return (dir) => {
    const root = rootOf(dir);
    let at = dir;
    while (at !== root && !keys.has(at)) at = parentOf(at);
    return at;
  };
}

function ownMounts(): Mounts {
  if (!HAS_PROC_FD) return []; // no other system has this table
  try {
    return readMounts('self');
  } catch (error) {
    throw localError('read', '/proc/self/mountinfo', error);
  }
}

function lookAt(path: string): Pick<MountPoint, 'ino' | 'birthNs' | 'isDirectory'> {
  const stat = lstatIfAllowed(path);
  if (!stat) return { ino: '0', birthNs: '0', isDirectory: true };
  return { ino: `${stat.ino}`, birthNs: `${birthOf(stat)}`, isDirectory: stat.isDirectory() };
}

function lstatIfAllowed(path: string) {
  try {
    return lstatSync(path, { bigint: true });
  } catch {
    return undefined; // behind a directory that is closed to this user, unmounted meanwhile, or a server that does not answer
  }
}
