// Roots and a filter → the blocks of a listing, in order, with its proof. Reads directories and attributes, never contents.

import { isUtf8 } from 'node:buffer';
import { type BigIntStats, fstatSync, lstatSync, readlinkSync } from 'node:fs';
import { errnoOf, LmError, localError, printable } from '../errors.js';
import { birthOf } from '../files/directory-marks.js';
import { DirCache, type DirHandle, MAY_CHANGE, openToOwner } from '../files/dirfd.js';
import {
  type Block,
  compareKeys,
  type Entry,
  type EntryKey,
  isClosed,
  isWithin,
  joinKey,
  type Kind,
  kindOf,
  type ListingEnd,
  type Owner,
  type RootKey,
  rootOf,
} from '../files/entry.js';
import { holds, LOST_FOUND } from '../files/lost-found.js';
import { escaped, namesIn } from '../files/names.js';
import { pathOf, type Roots } from '../files/roots.js';
import { mountPointsBelow } from '../linux/mount-points.js';
import type { Filter } from '../patterns/filter.js';
import { Proof } from './proof.js';

export interface WalkOptions {
  /** A key prefix: of the directories above it only the way down is listed, and nothing beside it. */
  only?: EntryKey;
  entriesPerBlock: number;
  /** Roots that are not there and count as empty; every other root that is missing is an error. */
  absent?: readonly RootKey[];
  /** Whether directories that are closed to their owner are opened, and left so: whoever asked for it closes them again. */
  opensClosed?: boolean;
  /** Whether entries tell when their inodes last changed, and how many names these have. */
  ctimes?: boolean;
  links?: boolean;
  /** Whether a pattern that cannot be matched ends the walk. Otherwise its entry counts as one that could not be read, and is named. */
  endsAtLostPattern?: boolean;
}

/** Gone, or no longer a directory, between two calls: left out, as a walk a moment later would have. */
const VANISHED = new Set(['ENOENT', 'ENOTDIR', 'ELOOP']);

/** Throws `local` when a root itself cannot be opened: an absent root must never look like an empty one. */
export function* walkBlocks(roots: Roots, excludes: Filter, options: WalkOptions): Generator<Block, ListingEnd> {
  const walk = new Walk(roots, excludes, options);
  const { only } = options;
  const keys = roots.map((root) => root.key).filter((key) => only === undefined || key === rootOf(only));
  try {
    for (const key of keys.sort(compareKeys)) {
      if (options.absent?.includes(key)) yield { dir: key, entries: [] };
      else yield* walk.root(key);
    }
  } finally {
    walk.dirs.close();
  }
  return walk.proof.told();
}

class Walk {
  readonly dirs: DirCache;
  readonly proof = new Proof();
  readonly #roots: Roots;
  readonly #excludes: Filter;
  readonly #options: WalkOptions;
  /** Whether it is worth asking what is excluded in the root being walked. */
  #asks = { file: false, directory: false };
  /** Device and inode of the root being walked, and of the mount points met in it. */
  readonly #tops = new Map<EntryKey, string>();
  #owner: Owner = { uid: 0, gid: 0 };
  /** A bind mount has the device number of what it shows. */
  readonly #mountPoints: ReadonlySet<EntryKey>;

  constructor(roots: Roots, excludes: Filter, options: WalkOptions) {
    this.#roots = roots;
    this.dirs = new DirCache(roots);
    this.#excludes = excludes;
    this.#options = options;
    this.#mountPoints = new Set(mountPointsBelow(roots).map(({ key }) => key));
  }

  *root(root: EntryKey): Generator<Block> {
    const { dev, ino } = this.#statRoot(root);
    this.proof.root(root, { dev });
    if (this.#excludes(root, 'directory')) {
      const block = { dir: root, entries: [], excluded: 0 };
      this.#leaveOut(root, block);
      return yield block;
    }
    this.#asks = {
      file: this.#excludes.hasPatterns(root, 'file'),
      directory: this.#excludes.hasPatterns(root, 'directory'),
    };
    this.#tops.clear();
    this.#tops.set(root, idOf(dev, ino));
    const ahead: Ahead[] = [{ key: root, dev, mounted: false, closed: false }];
    for (let dir = ahead.pop(); dir; dir = ahead.pop()) {
      const below: Ahead[] = [];
      if (dir.closed && this.#options.opensClosed) this.#openToOwner(dir.key);
      for (const block of this.#blocksOf(dir.key, dir.mounted || dir.key === root)) {
        const { entries, children, excluded } = block;
        for (const child of children) {
          const key = joinKey(dir.key, child.name);
          const mounted = child.dev !== dir.dev || this.#mountPoints.has(key);
          if (mounted) {
            this.proof.mount(key, child.dev, { ino: `${child.ino}`, birthNs: `${child.birthNs}` });
            this.#tops.set(key, idOf(child.dev, child.ino));
          }
          below.push({ key, dev: child.dev, mounted, closed: child.closed });
        }
        yield {
          dir: dir.key,
          entries,
          ...(excluded > 0 && { excluded }),
          ...(dir.mounted && { device: `${dir.dev}` }),
        };
      }
      for (let i = below.length - 1; i >= 0; i--) ahead.push(below[i]!);
    }
    this.#checkTops();
  }

  /** Where that cannot be, as when it is somebody else's, reading it will say why, or succeed all the same. */
  #openToOwner(key: EntryKey): void {
    try {
      openToOwner(this.dirs, this.#roots, key, MAY_CHANGE);
    } catch (error) {
      if (errnoOf(error) === undefined) throw error;
    }
  }

  /** What lay on a disk that went away meanwhile has been taken for vanished. */
  #checkTops(): void {
    this.dirs.close();
    for (const [key, id] of this.#tops) {
      try {
        const { dev, ino } = fstatSync(this.dirs.open(key).fd, { bigint: true });
        if (idOf(dev, ino) === id) continue;
      } catch (error) {
        if (errnoOf(error) === undefined) throw error;
      }
      this.proof.unread(key, 'no longer the same directory');
    }
  }

  #statRoot(root: EntryKey): BigIntStats {
    try {
      return fstatSync(this.dirs.open(root).fd, { bigint: true });
    } catch (error) {
      throw localError('read directory', pathOf(this.#roots, root), error);
    }
  }

  /** At least one block, an empty one for a directory that is empty, gone or unreadable. */
  *#blocksOf(key: EntryKey, mountTop: boolean): Generator<Found> {
    let block = foundNothing();
    let yielded = false;
    const { handle, names } = this.#openInOrder(key, block) ?? { names: [] };
    for (const name of names) {
      this.#look(key, name, handle!.at(name), mountTop, block);
      if (block.entries.length < this.#options.entriesPerBlock) continue;
      yield block;
      yielded = true;
      block = foundNothing();
    }
    if (!yielded || block.entries.length > 0 || block.excluded > 0) yield block;
  }

  /** In order. No other directory is opened before the last of them has been looked at, so this one stays open. */
  #openInOrder(key: EntryKey, block: Found): { handle: DirHandle; names: string[] } | undefined {
    const { only } = this.#options;
    try {
      const handle = this.dirs.open(key);
      if (only !== undefined && key !== only && isWithin(only, key))
        return { handle, names: only.slice(key.length + 1).split('/', 1) };
      return {
        handle,
        names: namesIn(handle.at(''), (mangled, bytes) => this.#unnameable(key, mangled, bytes, block)),
      };
    } catch (error) {
      this.#missed(key, error);
      return undefined;
    }
  }

  #unnameable(dir: EntryKey, mangled: string, bytes: Buffer, block: Found): void {
    const key = joinKey(dir, mangled);
    if (this.#excludes(key, 'file') || this.#excludes(key, 'directory')) this.#leaveOut(key, block);
    else this.proof.unnameable(`${printable(dir)}/${escaped(bytes)}`);
  }

  #look(dir: EntryKey, name: string, at: string, mountTop: boolean, block: Found): void {
    try {
      const stat = lstatSync(at, BIGINT);
      const kind = kindOf(Number(stat.mode));
      const isDirectory = kind === 'directory';
      const lostFound = mountTop && name === LOST_FOUND && isDirectory && stat.uid === 0n ? holds(at) : undefined;
      if (lostFound === 'nothing') return;
      const as = isDirectory ? 'directory' : 'file';
      if (lostFound === 'unknown' || (this.#asks[as] && this.#excludes(joinKey(dir, name), as)))
        return this.#leaveOut(joinKey(dir, name), block);
      if (kind === 'file' && stat.size > MAX_BYTES) return this.proof.unread(joinKey(dir, name), 'EFBIG');
      const target = kind === 'link' ? this.#linkText(at, joinKey(dir, name)) : undefined;
      if (target === null) return;
      const entry = this.#entryOf(name, kind, stat, target);
      this.proof.listed(dir, entry, stat);
      block.entries.push(entry);
      if (isDirectory)
        block.children.push({ name, dev: stat.dev, ino: stat.ino, birthNs: birthOf(stat), closed: isClosed(entry) });
    } catch (error) {
      this.#missed(joinKey(dir, name), error);
    }
  }

  #entryOf(name: string, kind: Kind, stat: BigIntStats, target: string | undefined): Entry {
    return {
      name,
      kind,
      size: kind === 'file' ? `${stat.size}` : '0',
      mtimeNs: `${stat.mtimeNs}`,
      mode: Number(stat.mode),
      ino: `${stat.ino}`,
      owner: this.#ownerOf(Number(stat.uid), Number(stat.gid)),
      target,
      ctimeNs: this.#options.ctimes ? `${stat.ctimeNs}` : undefined,
      links: this.#options.links ? Number(stat.nlink) : undefined,
    };
  }

  /** One object for neighbours of one owner. */
  #ownerOf(uid: number, gid: number): Owner {
    if (this.#owner.uid !== uid || this.#owner.gid !== gid) this.#owner = { uid, gid };
    return this.#owner;
  }

  /** Null for a link that holds bytes that are not UTF-8: mangling them would make another link. It is named and left out. */
  #linkText(at: string, key: EntryKey): string | null {
    const bytes = readlinkSync(at, { encoding: 'buffer' });
    if (isUtf8(bytes)) return bytes.toString('utf8');
    this.proof.unnameable(`${printable(key)} -> ${escaped(bytes)}`);
    return null;
  }

  #leaveOut(key: EntryKey, block: { excluded: number }): void {
    block.excluded++;
    this.proof.leftOut(key);
  }

  #missed(key: EntryKey, error: unknown): void {
    const code = errnoOf(error);
    if (error instanceof LmError) {
      if (this.#options.endsAtLostPattern && error.code !== 'local') throw error;
      return this.proof.unread(key, error.message); // nobody knows whether it is excluded
    }
    if (code === undefined) throw error;
    if (VANISHED.has(code)) return;
    this.proof.unread(key, code);
  }
}

const BIGINT = { bigint: true } as const;

/** Sums of bytes are exact up to this. Only a sparse file states more, and whoever may write below a root can make one. */
const MAX_BYTES = BigInt(Number.MAX_SAFE_INTEGER);

const idOf = (dev: bigint, ino: bigint): string => `${dev}:${ino}`;

/** A directory still to be read. */
interface Ahead {
  key: EntryKey;
  dev: bigint;
  mounted: boolean;
  closed: boolean;
}

/** A block, and what is needed of its directories to read them. */
interface Found {
  entries: Entry[];
  children: { name: string; dev: bigint; ino: bigint; birthNs: bigint; closed: boolean }[];
  excluded: number;
}

const foundNothing = (): Found => ({ entries: [], children: [], excluded: 0 });
