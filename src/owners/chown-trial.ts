// Tries with a nameless file whether this process may give files to other owners. The user id does not show it: a process with CAP_CHOWN
// need not be root, and root of a user namespace can give files only to ids that are mapped in it.

import { randomUUID } from 'node:crypto';
import { closeSync, fchownSync, fstatSync, openSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';
import { errnoOf } from '../errors.js';
import type { AccountKind } from './owner-rules.js';

interface ChownTrial {
  /** Whether files can be given to some other user and group. */
  readonly canGiveAway: boolean;
  /** False for a number that is not mapped in the user namespace of this process. */
  canGiveTo(kind: AccountKind, id: number): boolean;
  close(): void;
}

/** Tries in each of these directories until one works: a file system that keeps no owners does not show it. */
export function openChownTrial(dirs: readonly string[]): ChownTrial {
  for (const dir of dirs) {
    const fd = openNameless(dir);
    if (fd === undefined) continue;
    if (givesAway(fd))
      return {
        canGiveAway: true,
        canGiveTo: (kind, id) =>
          refusalOf(() => fchownSync(fd, kind === 'user' ? id : UNCHANGED, kind === 'group' ? id : UNCHANGED)) !==
          'EINVAL',
        close: () => closeSync(fd),
      };
    closeSync(fd);
  }
  return { canGiveAway: false, canGiveTo: () => true, close() {} };
}

/** chown(2): leave this id as it is. */
const UNCHANGED = -1;

/** Users or groups to try for a file of `id`: a user namespace most likely maps the lowest numbers. */
export const otherIds = (id: number): number[] => [id + 1, 1, 2, 0].filter((other) => other !== id);

function openNameless(dir: string): number | undefined {
  const path = join(dir, `lm-${randomUUID()}`);
  try {
    const fd = openSync(path, 'wx', 0o600);
    unlinkSync(path);
    return fd;
  } catch (error) {
    if (errnoOf(error) === undefined) throw error;
    return undefined; // the next directory may work
  }
}

function givesAway(fd: number): boolean {
  const { uid, gid } = fstatSync(fd);
  return otherIds(uid).some((otherUid) =>
    otherIds(gid).some((otherGid) => refusalOf(() => fchownSync(fd, otherUid, otherGid)) === undefined),
  );
}

function refusalOf(act: () => void): string | undefined {
  try {
    act();
    return undefined;
  } catch (error) {
    const code = errnoOf(error);
    if (code === undefined) throw error;
    return code;
  }
}
