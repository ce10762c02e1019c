// Everything lm does to the destination's files, one entry at a time: parts, publishing, links, directories, removals.
// Decides nothing; the only code that writes below a root.

import {
  chmodSync,
  chownSync,
  closeSync,
  constants,
  fchmodSync,
  fchownSync,
  fstatSync,
  ftruncateSync,
  futimesSync,
  lchownSync,
  lstatSync,
  lutimesSync,
  mkdirSync,
  openSync,
  renameSync,
  rmdirSync,
  symlinkSync,
  unlinkSync,
  utimesSync,
  writeSync,
} from 'node:fs';
import { errnoOf, localError } from '../errors.js';
import { nameHash } from '../files/digest.js';
import { type DirHandle, pinned } from '../files/dirfd.js';
import { type EntryKey, joinKey, kindOf, type Row } from '../files/entry.js';
import type { Roots } from '../files/roots.js';
import { utimesSeconds } from '../files/times.js';
import { Backup } from './backup.js';
import { Births, type Newborn, type Owner } from './births.js';
import { isOccupied, type Obstacle, occupied, Places } from './places.js';

export interface DiskOptions {
  /** Set owners; only a privileged process can. */
  owners: boolean;
  /** For entries whose mode the source does not tell (a Sidecar's). */
  umask: number;
}

const NEW_PART = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
const OLD_PART = constants.O_WRONLY | constants.O_NOFOLLOW;

/** A suffix on a name of 255 bytes would not fit, so the name of a part is made of a hash. */
export const partNameOf = (name: string): string => `.lm-${nameHash(name)}.lm-part`;

/** A file on its way, under its part's name. */
export interface OpenPart extends Newborn {
  /** The part's own name. */
  name: string;
  /** Bytes. */
  written: number;
}

/** One thread's hands. Every method throws `local`, naming the path, when the disk refuses. */
export class Disk {
  readonly #roots: Roots;
  readonly #options: DiskOptions;
  readonly #places: Places;
  readonly #births = new Births();
  readonly #kept: (bytes: number) => void;
  #backup: Backup | undefined;

  /** `kept` hears of every entry that went into a backup. */
  constructor(roots: Roots, options: DiskOptions, kept: (bytes: number) => void = () => {}) {
    this.#roots = roots;
    this.#options = options;
    this.#places = new Places(roots);
    this.#kept = kept;
  }

  /** Directories may have been removed and made again by another thread. */
  forgetDirectories(): void {
    this.#places.close();
    this.#backup?.close();
  }

  /** From here on nothing is removed or replaced without being kept in `into`, a directory that is not there yet. */
  backUpInto(into: string): void {
    if (this.#backup?.into === into) return;
    this.#backup?.close();
    this.#backup = new Backup(this.#roots, into);
  }

  /** A new part of a big file, readable by its owner alone until it is published; one left behind is replaced. */
  createPart(dir: EntryKey, name: string, bytes: number): OpenPart | Obstacle {
    const part = partNameOf(name);
    return this.#places.in(dir, 'write', joinKey(dir, name), (handle) => {
      const fd = anew(handle.at(part), (at) => openSync(at, NEW_PART, 0o600));
      ftruncateSync(fd, bytes);
      return { fd, name: part, written: bytes, settled: false };
    });
  }

  /** A new part of a file that will be written from its beginning. */
  beginFile(dir: EntryKey, row: Row): OpenPart | Obstacle {
    const name = partNameOf(row[0]);
    const [mode, owner] = [this.#modeOf(row), this.#ownerOf(row)];
    return this.#places.in(dir, 'write', joinKey(dir, row[0]), (handle) => {
      const { fd, settled } = anew(handle.at(name), (at) => this.#births.open(handle, at, NEW_PART, mode, owner));
      return { fd, settled, name, written: 0 };
    });
  }

  /** The part of an earlier run, or undefined when it is gone or not the one that is known by `ino`. */
  reopenPart(dir: EntryKey, name: string, bytes: number, ino?: string): OpenPart | undefined {
    try {
      const part = partNameOf(name);
      const fd = openSync(this.#places.open(dir).at(part), OLD_PART);
      const stat = fstatSync(fd, { bigint: true });
      if (stat.size === BigInt(bytes) && (ino === undefined || `${stat.ino}` === ino))
        return { fd, name: part, written: bytes, settled: false };
      closeSync(fd);
      return undefined;
    } catch (error) {
      if (isOccupied(error) || errnoOf(error) === 'ENOENT') return undefined;
      throw localError('open the unfinished part of', this.#places.path(joinKey(dir, name)), error);
    }
  }

  /** What a part takes up on disk, which is less than its size while it has holes; undefined when there is none. */
  bytesOfPart(dir: EntryKey, name: string): number | undefined {
    try {
      return lstatSync(this.#places.open(dir).at(partNameOf(name))).blocks * 512;
    } catch (error) {
      if (isOccupied(error) || errnoOf(error) === 'ENOENT') return undefined;
      throw localError('look at the unfinished part of', this.#places.path(joinKey(dir, name)), error);
    }
  }

  inodeOf(fd: number): string {
    return `${fstatSync(fd, { bigint: true }).ino}`;
  }

  write(fd: number, bytes: Uint8Array, position: number, key: EntryKey): void {
    try {
      for (let done = 0; done < bytes.length; )
        done += writeSync(fd, bytes, done, bytes.length - done, position + done);
    } catch (error) {
      throw localError('write', this.#places.path(key), error);
    }
  }

  append(part: OpenPart, bytes: Uint8Array, key: EntryKey): void {
    this.write(part.fd, bytes, part.written, key);
    part.written += bytes.length;
  }

  /** Gives the part its owner, mode and time, and then its final name. Closes it. */
  publish(part: OpenPart, dir: EntryKey, row: Row): Obstacle | undefined {
    const [name, bytes, mtimeNs] = row;
    const { fd } = part;
    const key = joinKey(dir, name);
    try {
      if (part.written !== Number(bytes)) throw new Error(`its part is not ${bytes} bytes long`);
      if (!part.settled) {
        const owner = this.#ownerOf(row);
        if (owner) fchownSync(fd, owner.uid, owner.gid);
        fchmodSync(fd, this.#modeOf(row));
      }
      const time = utimesSeconds(mtimeNs);
      futimesSync(fd, time, time);
    } catch (error) {
      throw localError('write', this.#places.path(key), error);
    } finally {
      this.close(fd, key);
    }
    const failed = this.#places.do(dir, 'publish', key, (handle) => {
      this.#keep(handle, dir, name);
      renameSync(handle.at(part.name), handle.at(name));
    });
    if (failed !== undefined) this.discard(dir, part.name);
    return failed;
  }

  close(fd: number, key: EntryKey): void {
    try {
      closeSync(fd);
    } catch (error) {
      throw localError('write', this.#places.path(key), error);
    }
  }

  discardPart(dir: EntryKey, name: string): void {
    this.discard(dir, partNameOf(name));
  }

  /** Removes an unfinished file by its own name. */
  discard(dir: EntryKey, part: string): void {
    this.#places.do(dir, 'remove', joinKey(dir, part), (handle) => unlinkIfThere(handle.at(part)));
  }

  makeLink(dir: EntryKey, row: Row): Obstacle | undefined {
    const [name, , mtimeNs, , , , , target] = row;
    const part = partNameOf(name);
    const owner = this.#ownerOf(row);
    const time = utimesSeconds(mtimeNs);
    return this.#places.do(dir, 'write', joinKey(dir, name), (handle) => {
      anew(handle.at(part), (at) => symlinkSync(target!, at));
      if (owner) lchownSync(handle.at(part), owner.uid, owner.gid);
      lutimesSync(handle.at(part), time, time);
      this.#keep(handle, dir, name);
      renameSync(handle.at(part), handle.at(name));
    });
  }

  /** Open to its owner alone until `mend` gives it its mode. */
  makeDirectory(dir: EntryKey, row: Row): Obstacle | undefined {
    const [name] = row;
    return this.#places.do(dir, 'create', joinKey(dir, name), (handle) => {
      try {
        mkdirSync(handle.at(name), 0o700);
      } catch (error) {
        if (errnoOf(error) !== 'EEXIST' || !lstatSync(handle.at(name)).isDirectory()) throw error;
      }
    });
  }

  remove(dir: EntryKey, row: Row): Obstacle | undefined {
    const [name, , , mode] = row;
    const key = joinKey(dir, name);
    return this.#places.do(dir, 'remove', key, (handle) => {
      if (kindOf(mode) !== 'directory') {
        this.#keep(handle, dir, name);
        return unlinkIfThere(handle.at(name));
      }
      this.#places.forget(key);
      this.#backup?.keepDirectory(dir, row, this.#options.owners);
      rmdirSync(handle.at(name));
      if (this.#backup) this.#kept(0);
    });
  }

  /** What stands under a name that is about to be given away; a directory does not give way to anything. */
  #keep(handle: DirHandle, dir: EntryKey, name: string): void {
    if (!this.#backup) return;
    const stat = lstatSync(handle.at(name), { throwIfNoEntry: false });
    if (stat && !stat.isDirectory() && this.#backup.keep(handle.at(name), dir, name)) this.#kept(stat.size);
  }

  /** Sets owner, mode and time of what stands under its final name. */
  mend(dir: EntryKey, row: Row): Obstacle | undefined {
    const [name, , mtimeNs, mode, , uid] = row;
    const owner = this.#ownerOf(row);
    return this.#places.do(dir, 'set the attributes of', joinKey(dir, name), (handle) => {
      const time = utimesSeconds(mtimeNs);
      if (kindOf(mode) === 'link') {
        const at = handle.at(name);
        if (!lstatSync(at).isSymbolicLink()) throw occupied();
        if (owner) lchownSync(at, owner.uid, owner.gid);
        return lutimesSync(at, time, time);
      }
      pinned(handle.at(name), (at, stat) => {
        if (kindOf(stat.mode) !== kindOf(mode)) throw occupied();
        if (owner) chownSync(at, owner.uid, owner.gid);
        if (uid !== null) chmodSync(at, mode & 0o7777);
        else if (kindOf(mode) === 'directory') chmodSync(at, 0o777 & ~this.#options.umask);
        utimesSync(at, time, time);
      });
    });
  }

  #modeOf([, , , mode, , uid]: Row): number {
    return uid === null ? 0o666 & ~this.#options.umask : mode & 0o7777;
  }

  /** Undefined: it is not ours to set. */
  #ownerOf([, , , , , uid, gid]: Row): Owner | undefined {
    return this.#options.owners && uid !== null && gid !== null ? { uid, gid } : undefined;
  }
}

/** Makes something where an earlier run may have left something else, which is rare: looking first would cost every file a call. */
function anew<T>(path: string, make: (path: string) => T): T {
  try {
    return make(path);
  } catch (error) {
    if (errnoOf(error) !== 'EEXIST') throw error;
    unlinkSync(path);
    return make(path);
  }
}

function unlinkIfThere(path: string): void {
  try {
    unlinkSync(path);
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw error;
  }
}
