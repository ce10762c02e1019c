// Tests that a backup directory can take files of the roots, with temporary files, which it removes.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { linkOrRename } from '../disk/backup.js';
import { errnoOf, LmError, localError, printable } from '../errors.js';
import type { RootKey } from '../files/entry.js';
import { removeIfThere } from '../files/if-there.js';
import { pointsBelow, readMounts } from '../linux/mounts.js';
import { probeName } from './guard-fidelity.js';

type Roots = readonly { key: RootKey; path: string }[];

const otherFileSystem = (what: string): LmError =>
  new LmError('backup-dir', `${what}: nothing can be moved from there into the backup directory`, {
    hint: 'choose a --backup-dir outside the roots on their file system, or copy without one',
  });

/** Throws `refused` when another file system is mounted below a root. */
export function refuseMountsBelow(roots: Roots): void {
  const mounts = readMounts('self');
  for (const { key, path } of roots) {
    const [point] = pointsBelow(mounts, path);
    if (point !== undefined) throw otherFileSystem(`${printable(point)}, in ${key}, is a file system of its own`);
  }
}

/** Makes a file in each root, keeps it in `dir`, which must exist, and removes both. Throws `refused` or `local`. */
export function tryBackup(dir: string, roots: Roots): void {
  for (const { key, path } of roots) {
    const name = probeName();
    const [from, to] = [join(path, name), join(dir, name)];
    try {
      writeFileSync(from, '', { mode: 0o600, flag: 'wx' });
      linkOrRename(from, to);
    } catch (error) {
      // Two mounts of one file system have the same device number, but nothing can be moved between them.
      if (errnoOf(error) === 'EXDEV') throw otherFileSystem(`${key} (${printable(path)}) is on another mount`);
      throw localError('move a file from', `${path} to ${dir}`, error);
    } finally {
      for (const probe of [from, to]) removeIfThere(probe);
    }
  }
}
