// Lists the mount points below the roots, by key: there the tree shows another file system, or another directory.

import { lstatSync } from 'node:fs';
import { localError } from '../errors.js';
import { birthOf } from '../files/directory-marks.js';
import { HAS_PROC_FD } from '../files/dirfd.js';
import { type EntryKey, parentOf, rootOf } from '../files/entry.js';
import type { Roots } from '../files/roots.js';
import { type Mounts, readMounts, visibleMounts } from './mounts.js';

/** The properties by which a mount is recognized again, also after a boot: all but the device number. */
export interface KnownMount {
  key: EntryKey;
  /** The directory of the file system that is mounted, as in mountinfo. */
  root: string;
  fsType: string;
  /** The device or server, as in mountinfo. */
  source: string;
  /** The inode of the directory that is mounted; '0' when it cannot be read. */
  ino: string;
  /** The birth time of that directory, which tells disks with equal inode numbers apart; '0' where the file system keeps none. */
  birthNs: string;
}

export interface MountPoint extends KnownMount {
  path: string;
  /** The id of the mount, while it is mounted. */
  id: string;
  /** Major and minor number, which may change with the next boot. */
  device: string;
  isDirectory: boolean;
}

/** In the order of the mount table, without the roots themselves. Throws `local` when the table cannot be read. */
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

/** Finds the file system of a directory: the last mount point on the path to it, or its root. */
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
    return undefined; // below an inaccessible directory, unmounted meanwhile, or on a server that does not answer
  }
}
