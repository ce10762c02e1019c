// Everything lm does to the destination's files, one entry at a time: parts, publishing, links, directories, removals.
// Decides nothing. Beside it and attributes.ts, which it uses, only guards write below a root, files of their own that they remove.

import {
  type BigIntStats,
  closeSync,
  constants,
  fstatSync,
  ftruncateSync,
  lstatSync,
  mkdirSync,
  openSync,
  renameSync,
  rmdirSync,
  symlinkSync,
  unlinkSync,
  writeSync,
} from 'node:fs';
import { nameHash } from '../digest/digest.js';
import { errnoOf, localError } from '../errors.js';
import { birthOf } from '../files/directory-marks.js';
import { type DirHandle, pinned } from '../files/dirfd.js';
import { type Entry, type EntryKey, joinKey, kindOf, rootOf } from '../files/entry.js';
import { lstatIfThere, removeIfThere } from '../files/if-there.js';
import type { Roots } from '../files/roots.js';
import { Attributes, type DiskOptions, type UnkeptNow } from './attributes.js';
import { Backup } from './backup.js';
import { Births, type Newborn } from './births.js';
import { CHANGED, isOccupied, type Obstacle, occupied, Places } from './places.js';
import { ifStill, isReplaced } from './surveyed.js';

const NEW_PART = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
/** O_NONBLOCK: a pipe that took a part's name must not hold the thread until somebody reads it. */
const OLD_PART = constants.O_WRONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
const READ_PART = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;

/** `INODE@BIRTH`: a new file may get the number of one that is gone. The number alone where the file system keeps no births. */
const idOf = (stat: BigIntStats): string => (birthOf(stat) === 0n ? `${stat.ino}` : `${stat.ino}@${birthOf(stat)}`);

/** An older lm has told the number alone. */
const isKnownBy = (id: string, stat: BigIntStats): boolean => id === (id.includes('@') ? idOf(stat) : `${stat.ino}`);

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
  readonly #places: Places;
  readonly #births = new Births();
  readonly #attributes: Attributes;
  readonly #kept: (bytes: number) => void;
  #backup: Backup | undefined;

  /** `kept` hears of every entry that went into a backup, `unkept` of attributes that the file system did not take. */
  constructor(
    roots: Roots,
    options: DiskOptions,
    kept: (bytes: number) => void = () => {},
    unkept: (entry: UnkeptNow) => void = () => {},
  ) {
    this.#roots = roots;
    this.#attributes = new Attributes(options, unkept);
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
      try {
        ftruncateSync(fd, bytes);
      } catch (error) {
        closeSync(fd);
        throw error;
      }
      return { fd, name: part, written: bytes, settled: false };
    });
  }

  /** A new part of a file that will be written from its beginning. */
  beginFile(dir: EntryKey, entry: Entry): OpenPart | Obstacle {
    const name = partNameOf(entry.name);
    const [mode, owner] = [this.#attributes.modeOf(entry), this.#attributes.ownerOf(entry)];
    return this.#places.in(dir, 'write', joinKey(dir, entry.name), (handle) => {
      const { fd, settled } = anew(handle.at(name), (at) => this.#births.open(handle, at, NEW_PART, mode, owner));
      return { fd, settled, name, written: 0 };
    });
  }

  /** A part that was made before, or undefined when it is gone, not the one that is known by `id`, or has a second name. */
  reopenPart(dir: EntryKey, name: string, bytes: number, id?: string, toRead?: 'to-read'): OpenPart | undefined {
    try {
      const part = partNameOf(name);
      const fd = openSync(this.#places.open(dir).at(part), toRead ? READ_PART : OLD_PART);
      const stat = fstatSync(fd, { bigint: true });
      const isAlone = stat.isFile() && stat.nlink <= 1n; // what it is a name of besides is not lm's to write to
      if (isAlone && stat.size === BigInt(bytes) && (id === undefined || isKnownBy(id, stat)))
        return { fd, name: part, written: bytes, settled: false };
      closeSync(fd);
      return undefined;
    } catch (error) {
      if (isOccupied(error) || errnoOf(error) === 'ENOENT' || errnoOf(error) === 'ENXIO') return undefined;
      throw localError('open the unfinished part of', this.#places.path(joinKey(dir, name)), error);
    }
  }

  /** By what a part is known again. */
  partIdOf(fd: number): string {
    return idOf(fstatSync(fd, { bigint: true }));
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
  publish(part: OpenPart, dir: EntryKey, entry: Entry): Obstacle | undefined {
    const { name, size: bytes } = entry;
    const { fd } = part;
    const key = joinKey(dir, name);
    try {
      if (part.written !== Number(bytes)) throw new Error(`its part is not ${bytes} bytes long`);
      this.#attributes.setOfNew(fd, entry, key, part.settled);
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
    this.#places.do(dir, 'remove', joinKey(dir, part), (handle) => removeIfThere(handle.at(part)));
  }

  makeLink(dir: EntryKey, entry: Entry): Obstacle | undefined {
    const { name, target } = entry;
    const part = partNameOf(name);
    return this.#places.do(dir, 'write', joinKey(dir, name), (handle) => {
      anew(handle.at(part), (at) => symlinkSync(target!, at));
      pinned(handle.at(part), (at, stat) => {
        if (!stat.isSymbolicLink() || stat.nlink > 1) throw occupied(); // not the link just made
        this.#attributes.setOfNewLink(at, entry, joinKey(dir, name));
      });
      this.#keep(handle, dir, name);
      renameSync(handle.at(part), handle.at(name));
    });
  }

  /** Open to its owner alone until `mend` gives it its mode. */
  makeDirectory(dir: EntryKey, entry: Entry): Obstacle | undefined {
    const { name } = entry;
    return this.#places.do(dir, 'create', joinKey(dir, name), (handle) => {
      try {
        mkdirSync(handle.at(name), 0o700);
      } catch (error) {
        if (errnoOf(error) !== 'EEXIST' || !lstatSync(handle.at(name)).isDirectory()) throw error;
      }
    });
  }

  /** What was listed as `entry`, if it is still there; what has taken its name stays. */
  remove(dir: EntryKey, entry: Entry): Obstacle | undefined {
    const { name, kind } = entry;
    const key = joinKey(dir, name);
    const remove = (handle: DirHandle): Obstacle | undefined => {
      const at = handle.at(name);
      if (isReplaced(at, entry)) return CHANGED;
      if (kind !== 'directory') {
        this.#keep(handle, dir, name);
        unlinkSync(at);
        return undefined;
      }
      this.#places.forget(key);
      this.#backup?.keepDirectory(dir, entry, this.#attributes.owners);
      rmdirSync(at);
      if (this.#backup) this.#kept(0);
      return undefined;
    };
    return this.#places.in(dir, 'remove', key, remove, () => undefined);
  }

  /** What stands under a name that is about to be given away; a directory does not give way to anything. */
  #keep(handle: DirHandle, dir: EntryKey, name: string): void {
    if (!this.#backup) return;
    const stat = lstatIfThere(handle.at(name));
    if (stat && !stat.isDirectory() && this.#backup.keep(handle.at(name), dir, name)) this.#kept(stat.size);
  }

  /** Sets owner, mode and time of what stands under its final name, if that is still `local`; else gives it nothing. */
  mend(dir: EntryKey, entry: Entry, local: Entry): Obstacle | undefined {
    const key = joinKey(dir, entry.name);
    if (key === rootOf(key)) return this.#mendRoot(key, entry, local);
    return this.#places.in(dir, 'set the attributes of', key, (handle) =>
      ifStill(handle.at(entry.name), local, entry, (at, stat) => {
        if (kindOf(stat.mode) !== entry.kind) throw occupied();
        if (entry.kind === 'link') this.#attributes.setOfLink(at, entry, key);
        else this.#attributes.set(at, stat, entry, key);
        return undefined;
      }),
    );
  }

  #mendRoot(key: EntryKey, entry: Entry, local: Entry): Obstacle | undefined {
    const path = this.#places.path(key);
    try {
      return pinned(path, (at, stat) => {
        if (local.ino !== undefined && `${stat.ino}` !== local.ino) return CHANGED;
        this.#attributes.setOfRoot(at, stat, entry, key);
        return undefined;
      });
    } catch (error) {
      throw localError('set the attributes of', path, error);
    }
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
