// Walks roots and yields the blocks of a listing, in order, and its totals. It reads directories and attributes, no contents.

import { isUtf8 } from 'node:buffer';
import { type BigIntStats, fstatSync, readlinkSync } from 'node:fs';
import { errnoOf, LmError, localError, printable } from '../errors.js';
import { birthOf } from '../files/directory-marks.js';
import { DirCache, type DirHandle, MAY_CHANGE, openToOwner } from '../files/dirfd.js';
import {
  compareKeys,
  type Entry,
  type EntryKey,
  isInaccessible,
  isWithin,
  joinKey,
  type Kind,
  kindOf,
  type Owner,
  type RootKey,
  rootOf,
} from '../files/entry.js';
import type { Block, ListingTotals } from '../files/listing.js';
import { contentsOf, LOST_FOUND } from '../files/names/lost-found.js';
import { pathOf, type Roots } from '../files/roots.js';
import { allocatedBytes, hasHoles, tellsHoles } from '../linux/holes.js';
import { mountPointsBelow } from '../linux/mount-points.js';
import type { Filter } from '../patterns/filter.js';
import { statIn } from '../syscalls/calls.js';
import type { FileStat } from '../syscalls/stat.js';
import { Ctimes } from './ctimes.js';
import { escaped, namesIn } from './names.js';
import { WalkTotals } from './walk-totals.js';
import { WalkedTops } from './walked-tops.js';

export interface WalkOptions {
  /** Limits the walk to this key and what lies below it. Each directory above it is listed with a single entry, the one that leads to it. */
  only?: EntryKey;
  entriesPerBlock: number;
  /** Missing roots that count as empty; any other missing root is an error. */
  absent?: readonly RootKey[];
  /** Whether inaccessible directories get a mode by which they can be read. The caller restores the old one. */
  opensInaccessible?: boolean;
  /** Whether entries have the time at which their inodes last changed, or NO_CTIME, and the number of their hard links. */
  ctimes?: boolean;
  /** Whether it walks snapshots of the directories that are meant: their ctimes prove nothing there, and are all NO_CTIME. */
  isSnapshot?: boolean;
  links?: boolean;
  /** Whether files with holes have the space that they take up. */
  allocated?: boolean;
  /** Whether a pattern that cannot be matched ends the walk. Otherwise the entry counts as unreadable, and is named. */
  endsAtLostPattern?: boolean;
}

/** The entry was removed, or is no longer a directory, between two calls: it is left out, as a moment later it would be. */
const VANISHED = new Set(['ENOENT', 'ENOTDIR', 'ELOOP']);

/** Throws `local` when a root itself cannot be opened: an absent root must never look like an empty one. */
export function* walkBlocks(roots: Roots, excludes: Filter, options: WalkOptions): Generator<Block, ListingTotals> {
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
  return walk.totals.result();
}

class Walk {
  readonly dirs: DirCache;
  readonly totals = new WalkTotals();
  readonly #roots: Roots;
  readonly #excludes: Filter;
  readonly #options: WalkOptions;
  /** Whether any pattern may match in the root that is being walked. */
  #hasPatterns = { file: false, directory: false };
  readonly #tops = new WalkedTops();
  #owner: Owner = { uid: 0, gid: 0 };
  /** Found otherwise than by their device number, because a bind mount has the device number of what it shows. */
  readonly #mountPoints: ReadonlySet<EntryKey>;
  readonly #ctimes: Ctimes | undefined;
  /** By device. */
  readonly #tellsHoles = new Map<bigint, boolean>();

  constructor(roots: Roots, excludes: Filter, options: WalkOptions) {
    this.#ctimes = options.ctimes ? new Ctimes(options.isSnapshot ? () => false : undefined) : undefined;
    this.#roots = roots;
    this.dirs = new DirCache(roots);
    this.#excludes = excludes;
    this.#options = options;
    this.#mountPoints = new Set(mountPointsBelow(roots).map(({ key }) => key));
  }

  *root(root: EntryKey): Generator<Block> {
    const { dev, ino } = this.#statRoot(root);
    this.totals.root(root, { dev });
    if (this.#excludes(root, 'directory')) {
      const block = { dir: root, entries: [], excluded: 0 };
      this.#exclude(root, block);
      return yield block;
    }
    this.#hasPatterns = {
      file: this.#excludes.hasPatterns(root, 'file'),
      directory: this.#excludes.hasPatterns(root, 'directory'),
    };
    this.#tops.add(root, { dev, ino });
    const ahead: Ahead[] = [{ key: root, dev, mounted: false, inaccessible: false }];
    for (let dir = ahead.pop(); dir; dir = ahead.pop()) {
      const below: Ahead[] = [];
      if (dir.inaccessible && this.#options.opensInaccessible) this.#openToOwner(dir.key);
      for (const block of this.#blocksOf(dir.key, dir.mounted || dir.key === root)) {
        const { entries, children, excluded } = block;
        for (const child of children) {
          const key = joinKey(dir.key, child.name);
          const mounted = child.dev !== dir.dev || this.#mountPoints.has(key);
          if (mounted) {
            this.totals.mount(key, child.dev, { ino: `${child.ino}`, birthNs: `${child.birthNs}` });
            this.#tops.add(key, child);
          }
          below.push({ key, dev: child.dev, mounted, inaccessible: child.inaccessible });
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
    for (const key of this.#tops.replaced(this.dirs)) this.totals.unread(key, 'no longer the same directory');
  }

  /** An error, as for a directory of another owner, is ignored: reading it will report why, or succeed all the same. */
  #openToOwner(key: EntryKey): void {
    try {
      openToOwner(this.dirs, this.#roots, key, MAY_CHANGE);
    } catch (error) {
      if (errnoOf(error) === undefined) throw error;
    }
  }

  #statRoot(root: EntryKey): BigIntStats {
    try {
      return fstatSync(this.dirs.open(root).fd, { bigint: true });
    } catch (error) {
      throw localError('read directory', pathOf(this.#roots, root), error);
    }
  }

  /** Yields at least one block: an empty one for a directory that is empty, gone or unreadable. */
  *#blocksOf(key: EntryKey, mountTop: boolean): Generator<FoundBlock> {
    let block = noBlock();
    let yielded = false;
    const { handle, names } = this.#openInOrder(key, block) ?? { names: [] };
    for (const name of names) {
      this.#examine(key, name, handle!, mountTop, block);
      if (block.entries.length < this.#options.entriesPerBlock) continue;
      yield block;
      yielded = true;
      block = noBlock();
    }
    if (!yielded || block.entries.length > 0 || block.excluded > 0) yield block;
  }

  /** Returns the names in order. No other directory is opened before the last of them has been examined, so this one stays open. */
  #openInOrder(key: EntryKey, block: FoundBlock): { handle: DirHandle; names: string[] } | undefined {
    const { only } = this.#options;
    try {
      const handle = this.dirs.open(key);
      this.#ctimes?.enter(handle);
      if (only !== undefined && key !== only && isWithin(only, key))
        return { handle, names: only.slice(key.length + 1).split('/', 1) };
      return {
        handle,
        names: namesIn(handle.at(''), (mangled, bytes) => this.#unnameable(key, mangled, bytes, block)),
      };
    } catch (error) {
      this.#failed(key, error);
      return undefined;
    }
  }

  #unnameable(dir: EntryKey, mangled: string, bytes: Buffer, block: FoundBlock): void {
    const key = joinKey(dir, mangled);
    if (this.#excludes(key, 'file') || this.#excludes(key, 'directory')) this.#exclude(key, block);
    else this.totals.unnameable(`${printable(dir)}/${escaped(bytes)}`);
  }

  #examine(dir: EntryKey, name: string, handle: DirHandle, mountTop: boolean, block: FoundBlock): void {
    try {
      const stat = statIn(handle, name);
      const kind = kindOf(Number(stat.mode));
      const isDirectory = kind === 'directory';
      const lostFound =
        mountTop && name === LOST_FOUND && isDirectory && stat.uid === 0n ? contentsOf(handle.at(name)) : undefined;
      if (lostFound === 'nothing') return;
      const as = isDirectory ? 'directory' : 'file';
      if (lostFound === 'unknown' || (this.#hasPatterns[as] && this.#excludes(joinKey(dir, name), as)))
        return this.#exclude(joinKey(dir, name), block);
      if (kind === 'file' && stat.size > MAX_BYTES) return this.totals.unread(joinKey(dir, name), 'EFBIG');
      const target = kind === 'link' ? this.#linkText(handle.at(name), joinKey(dir, name)) : undefined;
      if (target === null) return;
      const entry = this.#entryOf(name, kind, stat, target, handle);
      this.totals.listed(dir, entry, stat);
      block.entries.push(entry);
      if (isDirectory)
        block.children.push({
          name,
          dev: stat.dev,
          ino: stat.ino,
          birthNs: birthOf(stat),
          inaccessible: isInaccessible(entry),
        });
    } catch (error) {
      this.#failed(joinKey(dir, name), error);
    }
  }

  #entryOf(name: string, kind: Kind, stat: FileStat, target: string | undefined, handle: DirHandle): Entry {
    return {
      name,
      kind,
      size: kind === 'file' ? `${stat.size}` : '0',
      mtimeNs: `${stat.mtimeNs}`,
      mode: Number(stat.mode),
      ino: `${stat.ino}`,
      owner: this.#ownerOf(Number(stat.uid), Number(stat.gid)),
      target,
      ctimeNs: this.#ctimes?.of(stat),
      links: this.#options.links ? Number(stat.nlink) : undefined,
      allocated:
        this.#options.allocated && kind === 'file' && hasHoles(stat) ? this.#allocatedOf(handle, stat) : undefined,
    };
  }

  #allocatedOf(handle: DirHandle, stat: FileStat): number | undefined {
    let tells = this.#tellsHoles.get(stat.dev);
    if (tells === undefined) {
      tells = tellsHoles(handle.at('.'));
      this.#tellsHoles.set(stat.dev, tells);
    }
    return tells ? allocatedBytes(stat) : undefined;
  }

  /** Neighbours with the same owner share one object. */
  #ownerOf(uid: number, gid: number): Owner {
    if (this.#owner.uid !== uid || this.#owner.gid !== gid) this.#owner = { uid, gid };
    return this.#owner;
  }

  /** Null for a link whose text is not UTF-8: decoding it would make another link. It is named and left out. */
  #linkText(at: string, key: EntryKey): string | null {
    const bytes = readlinkSync(at, { encoding: 'buffer' });
    if (isUtf8(bytes)) return bytes.toString('utf8');
    this.totals.unnameable(`${printable(key)} -> ${escaped(bytes)}`);
    return null;
  }

  #exclude(key: EntryKey, block: { excluded: number }): void {
    block.excluded++;
    this.totals.excluded(key);
  }

  #failed(key: EntryKey, error: unknown): void {
    const code = errnoOf(error);
    if (error instanceof LmError) {
      if (this.#options.endsAtLostPattern && error.code !== 'local') throw error;
      return this.totals.unread(key, error.message); // whether it is excluded is unknown
    }
    if (code === undefined) throw error;
    if (VANISHED.has(code)) return;
    this.totals.unread(key, code);
  }
}

/** Sums of bytes are exact up to this. Only a sparse file has a larger size, and anybody who may write below a root can make one. */
const MAX_BYTES = BigInt(Number.MAX_SAFE_INTEGER);

/** A directory still to be read. */
interface Ahead {
  key: EntryKey;
  dev: bigint;
  mounted: boolean;
  inaccessible: boolean;
}

/** A block, and what is needed to read its directories. */
interface FoundBlock {
  entries: Entry[];
  children: { name: string; dev: bigint; ino: bigint; birthNs: bigint; inaccessible: boolean }[];
  excluded: number;
}

const noBlock = (): FoundBlock => ({ entries: [], children: [], excluded: 0 });
