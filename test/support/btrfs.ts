// A file system with reflinks, in a file: Btrfs on a loop device. Needs root and mkfs.btrfs.

import { execFileSync } from 'node:child_process';
import { closeSync, mkdirSync, openSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { IS_ROOT } from './as-user.js';

export const HAS_BTRFS = IS_ROOT && hasProgram('mkfs.btrfs');

/** Makes it in `dir` and returns where it is mounted. The caller calls `unmount`, also while something there is open. */
export function mountBtrfs(dir: string): { disk: string; unmount(): void } {
  const [image, disk] = [join(dir, 'image'), join(dir, 'disk')];
  mkdirSync(disk, { recursive: true });
  closeSync(openSync(image, 'w'));
  truncateSync(image, 512 * 2 ** 20);
  execFileSync('mkfs.btrfs', ['--quiet', image]);
  execFileSync('mount', ['-o', 'loop', image, disk]);
  return { disk, unmount: () => void execFileSync('umount', ['--lazy', disk]) };
}

function hasProgram(name: string): boolean {
  try {
    execFileSync('which', [name], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}
