// Opens directories by key, component by component, following no symbolic link. The only door to the entries below a root; changes
// nothing but the mode of a directory, or of a file, that it is told to open to its owner.

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

/** An open directory. `at(name)` is a path that stays inside it whatever is renamed or linked above it meanwhile. */
export interface DirHandle {
  fd: number;
  at(name: string): string;
}

/** Linux resolves /proc/self/fd/N to the open directory itself; elsewhere the real path is checked instead. */
export const HAS_PROC_FD = platform === 'linux';

/**
 * The same by the number of this thread (proc(5)): /proc/self is a link to follow, and threads that pass through one directory of
 * /proc wait for each other there. Writing a file takes 10.7 µs of the kernel's time instead of 12.4 with two threads. The number
 * is the one that this /proc knows the thread by, which in a container may be another than its own.
 */
const FD_DIR = HAS_PROC_FD ? fdDirOfThread() : '';

function fdDirOfThread(): string {
  try {
    const thread = readlinkSync('/proc/thread-self'); // 12/task/34
    return `/proc/${thread.slice(thread.lastIndexOf('/') + 1)}/fd`;
  } catch {
    return '/proc/self/fd'; // of what passes for Linux; whatever is wrong with it will be said when it is used
  }
}

/** O_NONBLOCK: a pipe that took a file's name must not hold the thread until somebody writes to it. */
const FILE = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
const DIRECTORY = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW;

const KEPT_OPEN = 32;

/** As a `Filter` has it. */
type Excludes = (key: EntryKey, kind: 'file' | 'directory') => boolean;

/**
 * The directories in use by one thread, a few of them kept open.
 * `open` throws the system's error: ENOENT, ENOTDIR or ELOOP when a component is missing or not a directory.
 * What `excludes` matches is not there (ENOENT), nor is what lies below it. Only what exists is matched: a name that came from
 * elsewhere may be made to take a pattern for ever, and a path of thousands of components costs as many as there are.
 */
export class DirCache {
  readonly #roots: Roots;
  readonly #excludes: Excludes | undefined;
  /** In order of use, the oldest first. */
  readonly #open = new Map<EntryKey, DirHandle>();
  /** The one used last, which nearly always is the one wanted next. */
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
   * Opens it from the root down, a level a step: a path that leads nowhere is found out at the first directory that is missing, however
   * long it is. For whoever has others to answer meanwhile.
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
   * For reading, whatever has the name: it need not be a file any more. The caller closes the descriptor. `opensOwn`: also a file
   * that this user owns and may not read.
   */
  openFile(dir: EntryKey, name: string, opensOwn = false): number {
    const at = this.open(dir).at(name);
    try {
      const fd = openSync(at, FILE);
      return this.#excludes ? this.#included(fd, joinKey(dir, name), 'file') : fd;
    } catch (error) {
      const fd = opensOwn && errnoOf(error) === 'EACCES' ? openUnreadable(at) : undefined;
      if (fd === undefined) throw error;
      return fd;
    }
  }

  /** Forgets a directory and what lies below it; called before it is removed or replaced. */
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

/** Linux's open(2): names an inode without opening it, which takes no permission of it. Node has no name for it. */
export const O_PATH = 0o10000000;

/**
 * `deed` gets a path to what was looked at, though something else may have taken its name by then: a link to anywhere. The path of a link
 * leads to the link itself, for calls that follow links. `exact` looks at it once more.
 */
export function pinned<T = void>(at: string, deed: (path: string, stat: Stats, exact: () => BigIntStats) => T): T {
  if (!HAS_PROC_FD) return deed(at, lstatSync(at), () => lstatSync(at, { bigint: true }));
  const fd = openSync(at, O_PATH | constants.O_NOFOLLOW);
  try {
    return deed(`/proc/self/fd/${fd}`, fstatSync(fd), () => fstatSync(fd, { bigint: true }));
  } finally {
    closeSync(fd);
  }
}

/**
 * The file has another mode only while this call lasts, and no signal is handled meanwhile: whoever has it open may read on. Undefined
 * for what is no file or somebody else's.
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

/** What the owner of a directory may do in it: list it and reach its entries, or change them as well. */
export const MAY_LOOK = 0o500;
export const MAY_CHANGE = 0o700;

/** Those above it, which may be closed too, are opened to look. Throws the system's error; ENOTDIR for what is no directory any more. */
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
    openToOwner(dirs, roots, parentOf(dir), MAY_LOOK);
    open();
  }
}
