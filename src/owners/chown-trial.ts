// Whether this process may give files away, tried with a file that has no name: being root says too little, since CAP_CHOWN does without, and
// root of a user namespace gives to those alone who have a place in it.

import { randomUUID } from 'node:crypto';
import { closeSync, fchownSync, fstatSync, openSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';
import { errnoOf } from '../errors.js';
import type { AccountKind } from './owner-rules.js';

export interface ChownTrial {
  /** To some other user and group at least. */
  readonly may: boolean;
  /** False of a number that has no place in the user namespace of this process. */
  takes(kind: AccountKind, id: number): boolean;
  close(): void;
}

/** In the first of these directories that shows it: a file system that keeps no owners shows nothing. */
export function openChownTrial(dirs: readonly string[]): ChownTrial {
  for (const dir of dirs) {
    const fd = openNameless(dir);
    if (fd === undefined) continue;
    if (givesAway(fd))
      return {
        may: true,
        takes: (kind, id) =>
          refusalOf(() => fchownSync(fd, kind === 'user' ? id : KEPT, kind === 'group' ? id : KEPT)) !== 'EINVAL',
        close: () => closeSync(fd),
      };
    closeSync(fd);
  }
  return { may: false, takes: () => true, close() {} };
}

/** "Leave it as it is", to chown(2). */
const KEPT = -1;

/** Users and groups to try whether a file of `id` can become another's: of a namespace the first numbers are those most likely there. */
export const otherIds = (id: number): number[] => [id + 1, 1, 2, 0].filter((other) => other !== id);

function openNameless(dir: string): number | undefined {
  const path = join(dir, `lm-${randomUUID()}`);
  try {
    const fd = openSync(path, 'wx', 0o600);
    unlinkSync(path);
    return fd;
  } catch (error) {
    if (errnoOf(error) === undefined) throw error;
    return undefined; // another directory may do
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
