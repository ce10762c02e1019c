// Opens new files so that they are born with their final owner and mode where that is sure. Knows no names and mends nothing.

import { fstatSync, openSync } from 'node:fs';
import type { DirHandle } from '../files/dirfd.js';
import type { Owner } from '../files/entry.js';

export interface Newborn {
  fd: number;
  /** It has the owner and the mode it is to have. */
  settled: boolean;
}

/** Set-user-id, set-group-id and sticky: of no file before its owner and its bytes are right. */
const SPECIAL_BITS = 0o7000;

/** What its owner may not open could not be gone on with, unless it is given away in the end. */
const MAY_GO_ON = 0o600;

/**
 * The kernel gives a new file its owner and mode from the process, a set-group-id directory, the umask and ACLs: alike for all files
 * of a directory that ask for one mode. So what one of them came by tells what the next will, which saves it two calls. Whoever
 * changes the directory meanwhile has files mended by the next pass, as after any change.
 */
export class Births {
  readonly #last = new WeakMap<DirHandle, Owner & { mode: number }>();

  /** With `flags` for a new file. It is open to its owner alone unless that is the right one: `owner`, or anybody. */
  open(dir: DirHandle, path: string, flags: number, mode: number, owner: Owner | undefined): Newborn {
    let last = this.#last.get(dir);
    const owned = last !== undefined && (!owner || (last.uid === owner.uid && last.gid === owner.gid));
    const opens = owner !== undefined || (mode & MAY_GO_ON) === MAY_GO_ON;
    const direct = owned && opens && (mode & SPECIAL_BITS) === 0;
    const fd = openSync(path, flags, direct ? mode : 0o600);
    if (!last || (direct && last.mode !== mode)) {
      const stat = fstatSync(fd);
      last = { uid: stat.uid, gid: stat.gid, mode: stat.mode & 0o7777 };
      this.#last.set(dir, last);
    }
    return { fd, settled: direct && last.mode === mode };
  }
}
