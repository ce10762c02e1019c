// Opens directories by key, component by component, without following a symbolic link. All access to entries below a root goes through it.
// The only thing it changes is the mode of a directory or file that its owner could not open otherwise.

import {
  type BigIntStats,
  chmodSync,
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  openSync,
  readlinkSync,
  realpathSync,
  type Stats,
} from 'node:fs';
import { geteuid, platform } from 'node:process';
import { errnoOf } from '../errors.js';
import { type EntryKey, joinKey, kindOf, parentOf, rootOf } from './entry.js';
import { checkName, pathOf, type Roots } from './roots.js';

/** An open directory. `at(name)` is a path that stays inside it even if a directory above it is renamed or replaced by a link. */
export interface DirHandle {
  fd: number;
  at(name: string): string;
}

/** Linux resolves /proc/self/fd/N to the open directory itself; on other systems the real path is checked instead. */
export const HAS_PROC_FD = platform === 'linux';

/**
 * /proc/THREAD/fd, which is /proc/self/fd of this thread (proc(5)). /proc/self is a link to follow, and threads that pass through one
 * directory of /proc wait for each other there: writing a file with two threads takes 10.7 µs of kernel time instead of 12.4. THREAD is
 * the number that this /proc has for the thread; in a container it may differ from the thread's own.
 */
const FD_DIR = HAS_PROC_FD ? fdDirOfThread() : '';

function fdDirOfThread(): string {
  try {
    const thread = readlinkSync('/proc/thread-self'); // 12/task/34
    return `/proc/${thread.slice(thread.lastIndexOf('/') + 1)}/fd`;
  } catch {
    return '/proc/self/fd'; // an emulated Linux, for example; the first use will report what is wrong with it
  }
}

/** O_NONBLOCK: a pipe that took a file's name must not hold the thread until somebody writes to it. */
const FILE = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
const DIRECTORY = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW;

const KEPT_OPEN = 32;

/** The call signature of `Filter`. */
type Excludes = (key: EntryKey, kind: 'file' | 'directory') => boolean;

/**
 * The directories that one thread uses, a few of them kept open.
 * `open` throws the system's error: ENOENT, ENOTDIR or ELOOP when a component is missing or is not a directory.
 * An entry that `excludes` matches, and everything below it, is reported as missing (ENOENT). Only existing entries are matched: a client
 * could send a name on which a pattern runs for ever, or a path of thousands of components, each of which would be matched.
 */
export class DirCache {
  readonly #roots: Roots;
  readonly #excludes: Excludes | undefined;
  /** In order of use, the least recently used first. */
  readonly #open = new Map<EntryKey, DirHandle>();
  /** The directory that was used last; nearly always it is needed next. */
  #last: { key: EntryKey; handle: DirHandle } | undefined;

  constructor(roots: Roots, excludes?: Excludes) {
    this.#roots = roots;
    this.#excludes = excludes;
  }

  open(key: EntryKey): DirHandle {
    if (this.#last?.key === key) return this.#last.handle;
    const known = this.#known(key);
    const handle = known ?? (key === rootOf(key) ? this.#openRoot(key) : this.#openChild(key));
    this.#open.set(key, handle);
    this.#last = { key, handle };
    if (this.#open.size > KEPT_OPEN) this.#closeOldest();
    return handle;
  }

  /**
   * Opens it from the root down, one level a step, so that the caller can serve others in between. The first missing directory ends it,
   * however long the path is.
   */
  *levels(key: EntryKey): Generator<void> {
    for (let end = rootOf(key).length; ; ) {
      this.open(key.slice(0, end)); // its parent is the one opened last
      if (end === key.length) return;
      yield;
      const slash = key.indexOf('/', end + 1);
      end = slash < 0 ? key.length : slash;
    }
  }

  /**
   * Opens what has the name for reading; it need not be a regular file any more. The caller closes the descriptor. With
   * `opensUnreadable`, a file that this user owns but may not read is opened too. `flags` are added to those of open(2).
   */
  openFile(dir: EntryKey, name: string, opensUnreadable = false, flags = 0): number {
    const handle = this.open(dir);
    try {
      const fd = openSync(handle.at(name), FILE | flags);
      return this.#excludes ? this.#included(fd, joinKey(dir, name), 'file') : fd;
    } catch (error) {
      const fd = opensUnreadable && errnoOf(error) === 'EACCES' ? openUnreadable(handle.at(name)) : undefined;
      if (fd === undefined) throw error;
      return fd;
    }
  }

  /** Whether a file that is there takes part. */
  includes(dir: EntryKey, name: string): boolean {
    return !this.#excludes?.(joinKey(dir, name), 'file');
  }

  /** Closes a directory and those below it; to be called before it is removed or replaced. */
  forget(key: EntryKey): void {
    this.#last = undefined;
    for (const [opened, handle] of this.#open) {
      if (opened !== key && !opened.startsWith(`${key}/`)) continue;
      this.#open.delete(opened);
      closeSync(handle.fd);
    }
  }

  close(): void {
    this.#last = undefined;
    for (const handle of this.#open.values()) closeSync(handle.fd);
    this.#open.clear();
  }

  #openRoot(key: EntryKey): DirHandle {
    const path = pathOf(this.#roots, key);
    return handleOf(this.#included(openSync(path, DIRECTORY), key, 'directory'), path);
  }

  #known(key: EntryKey): DirHandle | undefined {
    const known = this.#open.get(key);
    if (!known) return undefined;
    this.#open.delete(key);
    this.#open.set(key, known);
    return known;
  }

  #openChild(key: EntryKey): DirHandle {
    const above = parentOf(key);
    const parent = this.#known(above) ?? this.#descendTo(above);
    const name = key.slice(above.length + 1);
    checkName(name, key);
    const path = HAS_PROC_FD ? '' : pathOf(this.#roots, key);
    if (!HAS_PROC_FD && realpathSync(path) !== path)
      throw Object.assign(new Error(`${path} passes through a symbolic link`), { code: 'ELOOP' });
    return handleOf(this.#included(openSync(parent.at(name), DIRECTORY), key, 'directory'), path);
  }

  #included(fd: number, key: EntryKey, kind: 'file' | 'directory'): number {
    let excluded = true;
    try {
      excluded = this.#excludes?.(key, kind) ?? false;
    } finally {
      if (excluded) closeSync(fd);
    }
    if (excluded) throw Object.assign(new Error(`${key} is excluded`), { code: 'ENOENT' });
    return fd;
  }

  #descendTo(key: EntryKey): DirHandle {
    const levels = this.levels(key);
    while (!levels.next().done);
    return this.open(key);
  }

  #closeOldest(): void {
    const [key, handle] = this.#open.entries().next().value!;
    this.#open.delete(key);
    closeSync(handle.fd);
  }
}

function handleOf(fd: number, path: string): DirHandle {
  const base = HAS_PROC_FD ? `${FD_DIR}/${fd}/` : `${path}/`;
  return { fd, at: (name) => base + name };
}

/** O_PATH of Linux's open(2): refers to an inode without opening it, which needs no permission on it. Node has no constant for it. */
export const O_PATH = 0o10000000;

/**
 * Runs `operation` with a path to the inode that `at` leads to now, even if another entry, such as a link to anywhere, takes the name
 * meanwhile. For a symbolic link the path leads to the link itself, also in calls that follow links. `exact` stats the inode again.
 */
export function pinned<T = void>(at: string, operation: (path: string, stat: Stats, exact: () => BigIntStats) => T): T {
  if (!HAS_PROC_FD) return operation(at, lstatSync(at), () => lstatSync(at, { bigint: true }));
  const fd = openSync(at, O_PATH | constants.O_NOFOLLOW);
  try {
    return operation(`/proc/self/fd/${fd}`, fstatSync(fd), () => fstatSync(fd, { bigint: true }));
  } finally {
    closeSync(fd);
  }
}

/**
 * Makes the file readable while it opens it. No signal is handled before the old mode is restored; the descriptor stays readable.
 * Undefined for what is not a file or has another owner.
 */
function openUnreadable(at: string): number | undefined {
  let fd: number | undefined;
  pinned(at, (path, { mode, uid }) => {
    if (kindOf(mode) !== 'file' || uid !== geteuid!()) return;
    chmodSync(path, (mode & 0o7777) | 0o400);
    try {
      fd = openSync(path, constants.O_RDONLY);
    } finally {
      chmodSync(path, mode & 0o7777);
    }
  });
  return fd;
}

/** Modes by which the owner of a directory may list it and reach its entries, or change them as well. */
export const MAY_READ = 0o500;
export const MAY_CHANGE = 0o700;

/**
 * Adds `may` to the mode of a directory, and MAY_READ to directories above it that are inaccessible too. Throws the system's error; ENOTDIR
 * when it is no directory any more.
 */
export function openToOwner(dirs: DirCache, roots: Roots, dir: EntryKey, may: number): void {
  const open = (): void => {
    const name = dir.slice(dir.lastIndexOf('/') + 1);
    const at = dir === rootOf(dir) ? pathOf(roots, dir) : dirs.open(parentOf(dir)).at(name);
    pinned(at, (path, { mode }) => {
      if (kindOf(mode) !== 'directory') throw Object.assign(new Error('no directory'), { code: 'ENOTDIR' });
      if ((mode & may) !== may) chmodSync(path, (mode & 0o7777) | may);
    });
  };
  try {
    open();
  } catch (error) {
    if (errnoOf(error) !== 'EACCES' || dir === rootOf(dir)) throw error;
    openToOwner(dirs, roots, parentOf(dir), MAY_READ);
    open();
  }
}
