// Roots and a filter → the blocks of a listing, in order, with its proof. Reads directories and attributes, never contents.

import { isUtf8 } from 'node:buffer';
import { type BigIntStats, fstatSync, lstatSync, readdirSync, readlinkSync } from 'node:fs';
import { errnoOf, LmError, localError, printable } from '../errors.js';
import { DirCache, type DirHandle, MAY_CHANGE, openToOwner } from './dirfd.js';
import {
  type Block,
  compareKeys,
  type EntryKey,
  isClosed,
  isWithin,
  joinKey,
  type ListingEnd,
  type RootKey,
  type Row,
  rootOf,
} from './entry.js';
import type { Filter } from './filter.js';
import { Proof } from './proof.js';
import { pathOf, type Roots } from './roots.js';

export interface WalkOptions {
  /** A key prefix: of the directories above it only the way down is listed, and nothing beside it. */
  only?: EntryKey;
  rowsPerBlock: number;
  /** Roots that are not there and count as empty; every other root that is missing is an error. */
  absent?: readonly RootKey[];
  /** Whether directories that are closed to their owner are opened, and left so: whoever asked for it closes them again. */
  opensClosed?: boolean;
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
      if (options.absent?.includes(key)) yield { dir: key, rows: [] };
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

  constructor(roots: Roots, excludes: Filter, options: WalkOptions) {
    this.#roots = roots;
    this.dirs = new DirCache(roots);
    this.#excludes = excludes;
    this.#options = options;
  }

  *root(root: EntryKey): Generator<Block> {
    const { dev, ino } = this.#statRoot(root);
    this.proof.device(root, dev);
    if (this.#excludes(root, 'directory')) {
      const block = { dir: root, rows: [], excluded: 0 };
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
        const { rows, children, excluded } = block;
        for (const child of children) {
          const key = joinKey(dir.key, child.name);
          const mounted = child.dev !== dir.dev;
          if (mounted) {
            this.proof.device(key, child.dev);
            this.#tops.set(key, idOf(child.dev, child.ino));
          }
          below.push({ key, dev: child.dev, mounted, closed: child.closed });
        }
        yield {
          dir: dir.key,
          rows,
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
  *#blocksOf(key: EntryKey, mountTop: boolean): Generator<Rows> {
    let block: Rows = { rows: [], children: [], excluded: 0 };
    let yielded = false;
    const { handle, names } = this.#openInOrder(key, block) ?? { names: [] };
    for (const name of names) {
      const entry = this.#look(key, name, handle!.at(name), mountTop, block);
      if (!entry) continue;
      block.rows.push(entry.row);
      if (entry.directory)
        block.children.push({ name, dev: entry.dev, ino: BigInt(entry.row[4]), closed: isClosed(entry.row) });
      if (block.rows.length < this.#options.rowsPerBlock) continue;
      yield block;
      yielded = true;
      block = { rows: [], children: [], excluded: 0 };
    }
    if (!yielded || block.rows.length > 0 || block.excluded > 0) yield block;
  }

  /** In order. No other directory is opened before the last of them has been looked at, so this one stays open. */
  #openInOrder(key: EntryKey, block: Rows): { handle: DirHandle; names: string[] } | undefined {
    const { only } = this.#options;
    try {
      const handle = this.dirs.open(key);
      if (only !== undefined && key !== only && isWithin(only, key))
        return { handle, names: only.slice(key.length + 1).split('/', 1) };
      const names = readdirSync(handle.at(''));
      return { handle, names: inOrder(names.some(isMangled) ? this.#nameable(handle, key, block) : names) };
    } catch (error) {
      this.#missed(key, error);
      return undefined;
    }
  }

  /** Reading a directory as text turns every byte that is not UTF-8 into U+FFFD and may merge names: read it again as bytes. */
  #nameable(handle: DirHandle, key: EntryKey, block: Rows): string[] {
    const names: string[] = [];
    for (const bytes of readdirSync(handle.at(''), { encoding: 'buffer' })) {
      const name = bytes.toString('utf8');
      if (isUtf8(bytes)) names.push(name);
      else if (this.#excludes(joinKey(key, name), 'file') || this.#excludes(joinKey(key, name), 'directory'))
        this.#leaveOut(joinKey(key, name), block);
      else this.proof.unnameable(escaped(key, bytes));
    }
    return names;
  }

  #look(dir: EntryKey, name: string, at: string, mountTop: boolean, block: Rows): Found | undefined {
    try {
      const stat = lstatSync(at, BIGINT);
      const directory = stat.isDirectory();
      if (mountTop && name === 'lost+found' && directory && stat.uid === 0n) return undefined;
      const kind = directory ? 'directory' : 'file';
      if (this.#asks[kind] && this.#excludes(joinKey(dir, name), kind)) {
        this.#leaveOut(joinKey(dir, name), block);
        return undefined;
      }
      const row = rowOf(name, stat, stat.isSymbolicLink() ? this.#linkText(at, joinKey(dir, name)) : undefined);
      if (!row) return undefined;
      this.proof.listed(dir, row, stat);
      return { row, directory, dev: stat.dev };
    } catch (error) {
      this.#missed(joinKey(dir, name), error);
      return undefined;
    }
  }

  /** A link may hold bytes that are not UTF-8 as well; mangling them would make another link. */
  #linkText(at: string, key: EntryKey): string | null {
    const bytes = readlinkSync(at, { encoding: 'buffer' });
    if (isUtf8(bytes)) return bytes.toString('utf8');
    this.proof.unnameable(`${printable(key)} -> ${escaped('', bytes)}`);
    return null;
  }

  #leaveOut(key: EntryKey, block: { excluded: number }): void {
    block.excluded++;
    this.proof.leftOut(key);
  }

  #missed(key: EntryKey, error: unknown): void {
    const code = errnoOf(error);
    if (error instanceof LmError) return this.proof.unread(key, error.message); // nobody knows whether it is excluded
    if (code === undefined) throw error;
    if (VANISHED.has(code)) return;
    this.proof.unread(key, code);
  }
}

const BIGINT = { bigint: true } as const;

const isMangled = (name: string): boolean => name.includes('\ufffd');

/** JavaScript's own order of strings is that of their bytes, and much quicker, where no name goes beyond U+FFFF. */
const inOrder = (names: string[]): string[] => names.sort(names.some(hasSurrogates) ? compareKeys : undefined);
const hasSurrogates = (name: string): boolean => /[\ud800-\udfff]/.test(name);

const idOf = (dev: bigint, ino: bigint): string => `${dev}:${ino}`;

/** A directory still to be read. */
interface Ahead {
  key: EntryKey;
  dev: bigint;
  mounted: boolean;
  closed: boolean;
}

interface Rows {
  rows: Row[];
  children: { name: string; dev: bigint; ino: bigint; closed: boolean }[];
  excluded: number;
}

interface Found {
  row: Row;
  directory: boolean;
  dev: bigint;
}

/** `target` is null for a link whose text cannot travel: such an entry has been named and is left out. */
function rowOf(name: string, stat: BigIntStats, target: string | null | undefined): Row | undefined {
  if (target === null) return undefined;
  const row: Row = [
    name,
    stat.isFile() ? `${stat.size}` : '0',
    `${stat.mtimeNs}`,
    Number(stat.mode),
    `${stat.ino}`,
    Number(stat.uid),
    Number(stat.gid),
  ];
  if (target !== undefined) row.push(target);
  return row;
}

/** Bytes that are no text, for people: `\xff` for what is not ASCII. */
function escaped(dir: EntryKey, name: Buffer): string {
  const text = [...name].map((b) =>
    b < 0x20 || b > 0x7e ? `\\x${b.toString(16).padStart(2, '0')}` : String.fromCharCode(b),
  );
  return dir === '' ? text.join('') : `${printable(dir)}/${text.join('')}`;
}
