// Whether a backup directory can take what is in the roots, found out by trying. Leaves nothing behind and keeps nothing.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { keepAs } from '../disk/backup.js';
import { errnoOf, LmError, localError, printable } from '../errors.js';
import type { RootKey } from '../files/entry.js';
import { removeIfThere } from '../files/if-there.js';
import { pointsBelow, readMounts } from '../linux/mounts.js';
import { probeName } from './guard-fidelity.js';

type Roots = readonly { key: RootKey; path: string }[];

const elsewhere = (what: string): LmError =>
  new LmError('refused', `${what}: nothing can be moved from there into the backup directory`, {
    hint: 'choose a --backup-dir outside the roots on their file system, or copy without one',
  });

/** Throws `refused` where a part of a root is another file system than the rest. Looks only. */
export function refuseMountsBelow(roots: Roots): void {
  const mounts = readMounts('self');
  for (const { key, path } of roots) {
    const [point] = pointsBelow(mounts, path);
    if (point !== undefined) throw elsewhere(`${printable(point)}, in ${key}, is a file system of its own`);
  }
}

/** A file of each root is given a name in `dir`, which must be there, and removed again. Throws `refused` or `local`. */
export function tryBackup(dir: string, roots: Roots): void {
  for (const { key, path } of roots) {
    const name = probeName();
    const [from, to] = [join(path, name), join(dir, name)];
    try {
      writeFileSync(from, '', { mode: 0o600, flag: 'wx' });
      keepAs(from, to);
    } catch (error) {
      // Two mounts of one file system have one device, and are two all the same.
      if (errnoOf(error) === 'EXDEV') throw elsewhere(`${key} (${printable(path)}) is on another mount`);
      throw localError('move a file from', `${path} to ${dir}`, error);
    } finally {
      for (const probe of [from, to]) removeIfThere(probe);
    }
  }
}
