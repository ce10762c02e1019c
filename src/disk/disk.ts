// Changes the destination's entries, one at a time: makes parts, publishes files, makes links and directories, removes. Only guards write
// below a root too: trial files, which they remove.

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
} from 'node:fs';
import { textHash } from '../digest/digest.js';
import { errnoOf, localError } from '../errors.js';
import { birthOf } from '../files/directory-marks.js';
import { type DirHandle, pinned } from '../files/dirfd.js';
import { type Entry, type EntryKey, joinKey, kindOf, rootOf } from '../files/entry.js';
import { lstatIfThere, removeIfThere } from '../files/if-there.js';
import type { Validators } from '../files/proof.js';
import type { Roots } from '../files/roots.js';
import { writeAll } from '../files/write-all.js';
import { renameIn, statIn } from '../syscalls/calls.js';
import { Attributes, type DiskOptions, type UnkeptNow } from './attributes.js';
import { Backup } from './backup.js';
import { CHANGED, type Conflict, Directories, isOccupied, occupied } from './directories.js';
import { openOldPart, PART_MODE } from './old-part.js';
import { pageRuns, SparsePart } from './sparse.js';
import { ifUnchanged, isReplaced } from './surveyed.js';
import { Versions } from './versions.js';

const NEW_PART = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;

/** `INODE@BIRTH`, because a new file may get the inode number of a removed one. The number alone where the file system keeps no birth time. */
export const idOf = (stat: BigIntStats): string =>
  birthOf(stat) === 0n ? `${stat.ino}` : `${stat.ino}@${birthOf(stat)}`;

/** An older lm recorded the number alone. */
export const isKnownBy = (id: string, stat: BigIntStats): boolean =>
  id === (id.includes('@') ? idOf(stat) : `${stat.ino}`);

/** Made of a hash, because a name of 255 bytes has no room for a suffix. */
export const partNameOf = (name: string): string => `.lm-${textHash(name)}.lm-part`;

/** An unfinished file, open under the name of its part. */
export interface OpenPart {
  fd: number;
  /** The part's own name. */
  name: string;
  /** Bytes. */
  written: number;
}

/** The operations of one thread. Every method throws `local`, naming the path, when a system call fails. */
export class Disk {
  readonly versions: Versions;
  readonly #roots: Roots;
  readonly #directories: Directories;
  readonly #attributes: Attributes;
  readonly #onBackedUp: (bytes: number) => void;
  #backup: Backup | undefined;

  /** `backedUp` is called for every entry that went into a backup, `unkept` for attributes that the file system did not keep. */
  constructor(
    roots: Roots,
    options: DiskOptions,
    backedUp: (bytes: number) => void = () => {},
    unkept: (entry: UnkeptNow) => void = () => {},
  ) {
    this.#roots = roots;
    this.#attributes = new Attributes(options, unkept);
    this.#directories = new Directories(roots);
    this.versions = new Versions(this.#directories);
    this.#onBackedUp = backedUp;
  }

  /** Closes all directories: another thread may have removed them or made them again. */
  forgetDirectories(): void {
    this.#directories.close();
    this.#backup?.close();
  }

  /** From here on everything that is removed or replaced is backed up in `into`, a directory that does not exist yet. */
  backUpInto(into: string): void {
    if (this.#backup?.into === into) return;
    this.#backup?.close();
    this.#backup = new Backup(this.#roots, into);
  }

  /** Makes the part of a big file, readable by its owner alone until it is published; replaces one that was left behind. */
  createPart(dir: EntryKey, name: string, bytes: number): OpenPart | Conflict {
    const part = partNameOf(name);
    return this.#directories.in(dir, 'write', joinKey(dir, name), (handle) => {
      const fd = makeNew(handle.at(part), (at) => openSync(at, NEW_PART, PART_MODE));
      try {
        ftruncateSync(fd, bytes);
      } catch (error) {
        closeSync(fd);
        throw error;
      }
      return { fd, name: part, written: bytes };
    });
  }

  /** Makes the part of a file that is written from its beginning, readable by its owner alone until it is published. */
  beginFile(dir: EntryKey, name: string): OpenPart | Conflict {
    const part = partNameOf(name);
    return this.#directories.in(dir, 'write', joinKey(dir, name), (handle) => {
      const fd = makeNew(handle.at(part), (at) => openSync(at, NEW_PART, PART_MODE));
      return { fd, name: part, written: 0 };
    });
  }

  /**
   * Opens an existing part. Undefined when it is gone, has another size than `bytes`, if given, is not the one identified by `id`, has a
   * second name, or is another user's and cannot be opened.
   */
  reopenPart(
    dir: EntryKey,
    name: string,
    bytes: number | undefined,
    id?: string,
    why: Parameters<typeof openOldPart>[1] = 'to-write',
  ): OpenPart | undefined {
    try {
      const part = partNameOf(name);
      const opened = openOldPart(this.#directories.open(dir).at(part), why, (stat) => {
        const isAlone = stat.isFile() && stat.nlink <= 1n; // with a second name it is a file that lm must not write to
        const isSized = bytes === undefined || stat.size === BigInt(bytes);
        return isAlone && isSized && (id === undefined || isKnownBy(id, stat));
      });
      return opened && { fd: opened.fd, name: part, written: Number(opened.stat.size) };
    } catch (error) {
      if (isOccupied(error) || errnoOf(error) === 'ENOENT' || errnoOf(error) === 'ENXIO') return undefined;
      throw localError('open the unfinished part of', this.#directories.path(joinKey(dir, name)), error);
    }
  }

  /** Cuts a part, or adds a hole to it. */
  resize(part: OpenPart, bytes: number, key: EntryKey): void {
    try {
      if (part.written !== bytes) ftruncateSync(part.fd, bytes);
      part.written = bytes;
    } catch (error) {
      throw localError('write', this.#directories.path(key), error);
    }
  }

  /** Identifies a part across runs. */
  partIdOf(fd: number): string {
    return idOf(fstatSync(fd, { bigint: true }));
  }

  write(fd: number, bytes: Uint8Array, position: number, key: EntryKey): void {
    try {
      writeAll(fd, bytes, position);
    } catch (error) {
      throw localError('write', this.#directories.path(key), error);
    }
  }

  /** Writes into a part that was just made, but leaves holes where there are pages of zeros. */
  writeSparse(fd: number, bytes: Uint8Array, position: number, key: EntryKey): void {
    for (const { zero, from, to } of pageRuns(bytes, position))
      if (!zero) this.write(fd, bytes.subarray(from, to), position + from, key);
  }

  /** Opens a part for writing sparsely; `fd` must be open to read and write. See SparsePart. */
  sparsePart(fd: number, key: EntryKey): SparsePart {
    return new SparsePart(fd, (error) => localError('write', this.#directories.path(key), error));
  }

  append(part: OpenPart, bytes: Uint8Array, key: EntryKey): void {
    this.write(part.fd, bytes, part.written, key);
    part.written += bytes.length;
  }

  /**
   * Sets the part's owner, mode and time, closes it and renames it to its final name. `published` is called with its state from then on, if
   * that could be looked at.
   */
  publish(part: OpenPart, dir: EntryKey, entry: Entry, published?: (state: Validators) => void): Conflict | undefined {
    const { name, size: bytes } = entry;
    const { fd } = part;
    const key = joinKey(dir, name);
    try {
      if (part.written !== Number(bytes)) throw new Error(`its part is not ${bytes} bytes long`);
      this.#attributes.setOfNew(fd, entry, key);
    } catch (error) {
      throw localError('write', this.#directories.path(key), error);
    } finally {
      this.close(fd, key);
    }
    const failed = this.#directories.do(dir, 'publish', key, (handle) => {
      this.#backUp(handle, dir, name);
      renameIn(handle, part.name, name);
      const state = published && stateOf(handle, name);
      if (state) published(state);
    });
    if (failed !== undefined) this.discard(dir, part.name);
    return failed;
  }

  close(fd: number, key: EntryKey): void {
    try {
      closeSync(fd);
    } catch (error) {
      throw localError('write', this.#directories.path(key), error);
    }
  }

  discardPart(dir: EntryKey, name: string): void {
    this.discard(dir, partNameOf(name));
  }

  /** Removes a part by its own name. */
  discard(dir: EntryKey, part: string): void {
    this.#directories.do(dir, 'remove', joinKey(dir, part), (handle) => removeIfThere(handle.at(part)));
  }

  makeLink(dir: EntryKey, entry: Entry): Conflict | undefined {
    const { name, target } = entry;
    const part = partNameOf(name);
    return this.#directories.do(dir, 'write', joinKey(dir, name), (handle) => {
      makeNew(handle.at(part), (at) => symlinkSync(target!, at));
      pinned(handle.at(part), (at, stat) => {
        if (!stat.isSymbolicLink() || stat.nlink > 1) throw occupied(); // not the link just made
        this.#attributes.setOfNewLink(at, entry, joinKey(dir, name));
      });
      this.#backUp(handle, dir, name);
      renameSync(handle.at(part), handle.at(name));
    });
  }

  /** Makes a directory, accessible to its owner alone until `setAttributes` sets its mode. */
  makeDirectory(dir: EntryKey, entry: Entry): Conflict | undefined {
    const { name } = entry;
    return this.#directories.do(dir, 'create', joinKey(dir, name), (handle) => {
      try {
        mkdirSync(handle.at(name), 0o700);
      } catch (error) {
        if (errnoOf(error) !== 'EEXIST' || !lstatSync(handle.at(name)).isDirectory()) throw error;
      }
    });
  }

  /** Removes what was listed as `entry`; another entry that has its name by now stays. */
  remove(dir: EntryKey, entry: Entry): Conflict | undefined {
    const { name, kind } = entry;
    const key = joinKey(dir, name);
    const remove = (handle: DirHandle): Conflict | undefined => {
      const at = handle.at(name);
      if (isReplaced(at, entry)) return CHANGED;
      if (kind !== 'directory') {
        this.#backUp(handle, dir, name);
        unlinkSync(at);
        return undefined;
      }
      this.#directories.forget(key);
      this.#backup?.backUpDirectory(dir, entry, this.#attributes.canChown);
      rmdirSync(at);
      if (this.#backup) this.#onBackedUp(0);
      return undefined;
    };
    return this.#directories.in(dir, 'remove', key, remove, () => undefined);
  }

  /** Backs up the entry whose name is about to be taken; a directory is never replaced. */
  #backUp(handle: DirHandle, dir: EntryKey, name: string): void {
    if (!this.#backup) return;
    const stat = lstatIfThere(handle.at(name));
    if (stat && !stat.isDirectory() && this.#backup.backUp(handle.at(name), dir, name)) this.#onBackedUp(stat.size);
  }

  /** Sets owner, mode and time of the entry under its final name, if it is still `local`; else changes nothing. */
  setAttributes(dir: EntryKey, entry: Entry, local: Entry): Conflict | undefined {
    const key = joinKey(dir, entry.name);
    if (key === rootOf(key)) return this.#setRootAttributes(key, entry, local);
    return this.#directories.in(dir, 'set the attributes of', key, (handle) =>
      ifUnchanged(handle.at(entry.name), local, entry, (at, stat) => {
        if (kindOf(stat.mode) !== entry.kind) throw occupied();
        if (entry.kind === 'link') this.#attributes.setOfLink(at, entry, key);
        else this.#attributes.set(at, stat, entry, key);
        return undefined;
      }),
    );
  }

  #setRootAttributes(key: EntryKey, entry: Entry, local: Entry): Conflict | undefined {
    const path = this.#directories.path(key);
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

/** Calls `make`, and again after removing what an earlier run left under the name. That is rare: checking first would cost a call a file. */
function makeNew<T>(path: string, make: (path: string) => T): T {
  try {
    return make(path);
  } catch (error) {
    if (errnoOf(error) !== 'EEXIST') throw error;
    unlinkSync(path);
    return make(path);
  }
}

/** A file that cannot be looked at is published all the same: only a proof is lost. */
function stateOf(directory: DirHandle, name: string): Validators | undefined {
  try {
    const { size, mtimeNs, ino, ctimeNs } = statIn(directory, name);
    return { size: `${size}`, mtimeNs: `${mtimeNs}`, ino: `${ino}`, ctimeNs: `${ctimeNs}` };
  } catch {
    return undefined;
  }
}
