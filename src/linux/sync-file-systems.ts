// Has the kernel write out what lies below some roots: syncfs(2) by way of coreutils' `sync -f`, because Node has no call for it, and an
// fsync per file would cost more than a copy.

import { execFile } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { promisify } from 'node:util';
import { LmError, printable } from '../errors.js';
import type { Roots } from '../files/roots.js';
import { type Mounts, pointsBelow, readMounts } from './mounts.js';

/** Resolves when all that was written before below these roots is on disk, on mounts below them too. Throws `local`. */
export async function syncFileSystems(roots: Roots): Promise<void> {
  const paths = roots.flatMap(({ path }) => [path, ...pointsBelow(mounts(), path)]);
  const args = paths.every(isReadable) ? ['-f', '--', ...paths] : []; // without arguments, sync takes every file system
  try {
    await promisify(execFile)('sync', args);
  } catch (cause) {
    const output = (cause as { stderr?: string }).stderr || (cause as Error).message;
    const reason = printable(output.trim().split('\n')[0]!);
    throw new LmError('not-synced', `cannot sync ${paths.map(printable).join(', ')}: ${reason}`, {
      cause,
      hint: 'the disk may be failing: look at the kernel log before going on',
    });
  }
}

/** Empty where there is no table of mounts: then it is not known what is mounted below a root. */
function mounts(): Mounts {
  try {
    return readMounts('self');
  } catch {
    return [];
  }
}

/** `sync` opens what it is given, and cannot open a root that its owner may not read. */
function isReadable(path: string): boolean {
  try {
    accessSync(path, constants.R_OK);
    return true;
  } catch {
    return false;
  }
}
