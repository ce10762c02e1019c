// Finds the version of a file that is published here, or the source's own file where that is a directory of this host, so that its bytes may
// serve a newer one: to be read, or cloned by a reflink (FICLONE), which takes up no space and no time until one of both is written to.
// Never writes to it.

import {
  type BigIntStats,
  closeSync,
  constants,
  copyFileSync,
  fchmodSync,
  fstatSync,
  ftruncateSync,
  openSync,
} from 'node:fs';
import { errnoOf, localError } from '../errors.js';
import { type EntryKey, joinKey } from '../files/entry.js';
import type { Directories } from './directories.js';

export interface Version {
  ino: string;
  bytes: number;
}

/** O_NONBLOCK: a pipe by that name must not block the thread. */
const READ = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;

export class Versions {
  readonly #directories: Directories;

  constructor(directories: Directories) {
    this.#directories = directories;
  }

  /** Undefined where there is no regular file by that name, none that can be read, or none of so many bytes. */
  find(dir: EntryKey, name: string, minBytes: number): Version | undefined {
    const fd = this.#open(dir, name);
    if (fd === undefined) return undefined;
    try {
      const version = versionOf(fstatSync(fd, { bigint: true }));
      return version && version.bytes >= minBytes ? version : undefined;
    } finally {
      closeSync(fd);
    }
  }

  /** Opens what `find` has returned; undefined when it is gone or another by now. */
  open(dir: EntryKey, name: string, { ino, bytes }: Version): number | undefined {
    const fd = this.#open(dir, name);
    if (fd === undefined) return undefined;
    const now = versionOf(fstatSync(fd, { bigint: true }));
    if (now?.ino === ino && now.bytes === bytes) return fd;
    closeSync(fd);
    return undefined;
  }

  /** Makes the open part `to`, which holds nothing yet, a clone of `bytes`. Returns false where the file system has none. Throws `local`. */
  clone(dir: EntryKey, name: string, version: Version, to: number, bytes: number): boolean {
    const from = this.open(dir, name, version);
    if (from === undefined) return false;
    try {
      return cloneInto(from, to, bytes);
    } catch (error) {
      throw localError('write', this.#directories.path(joinKey(dir, name)), error);
    } finally {
      closeSync(from);
    }
  }

  #open(dir: EntryKey, name: string): number | undefined {
    try {
      return openSync(this.#directories.open(dir).at(name), READ);
    } catch {
      return undefined;
    }
  }
}

const versionOf = (stat: BigIntStats): Version | undefined =>
  stat.isFile() ? { ino: `${stat.ino}`, bytes: Number(stat.size) } : undefined;

/** What a kernel or file system says that has no reflinks, not between these two files, or not for such a file. */
const CANNOT = new Set(['ENOTSUP', 'EOPNOTSUPP', 'EXDEV', 'EINVAL', 'ENOTTY', 'ENOSYS', 'EPERM', 'ETXTBSY']);

/** Set-user-id and the like: Node gives the copy the mode of the original for a moment, and the copy may have another owner. */
const SPECIAL_MODE = 0o7000;

/** Returns whether `to` is a clone of `from` now; it has `bytes` bytes in any case. Throws the system's error. */
function cloneInto(from: number, to: number, bytes: number): boolean {
  const { mode, ino, nlink } = fstatSync(to, { bigint: true });
  if ((fstatSync(from).mode & SPECIAL_MODE) !== 0) return false;
  try {
    copyFileSync(`/proc/self/fd/${from}`, `/proc/self/fd/${to}`, constants.COPYFILE_FICLONE_FORCE);
  } catch (error) {
    if (!CANNOT.has(errnoOf(error) ?? '')) throw error;
    return false;
  } finally {
    fchmodSync(to, Number(mode) & 0o777);
    ftruncateSync(to, bytes);
  }
  const stat = fstatSync(to, { bigint: true });
  if (stat.ino !== ino || stat.nlink !== nlink) throw new Error('something else has the name of the part by now');
  return true;
}
