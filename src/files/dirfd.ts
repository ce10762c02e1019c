// Opens directories by key, component by component, following no symbolic link. The only door to the entries below a root.

import { closeSync, constants, openSync, readlinkSync, realpathSync } from 'node:fs';
import { platform } from 'node:process';
import { type EntryKey, parentOf, rootOf } from './entry.js';
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

/**
 * The directories in use by one thread, a few of them kept open.
 * `open` throws the system's error: ENOENT, ENOTDIR or ELOOP when a component is missing or not a directory.
 */
export class DirCache {
  readonly #roots: Roots;
  /** In order of use, the oldest first. */
  readonly #open = new Map<EntryKey, DirHandle>();
  /** The one used last, which nearly always is the one wanted next. */
  #last: { key: EntryKey; handle: DirHandle } | undefined;

  constructor(roots: Roots) {
    this.#roots = roots;
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

  /** For reading, whatever has the name: it need not be a file any more. The caller closes the descriptor. */
  openFile(dir: EntryKey, name: string): number {
    return openSync(this.open(dir).at(name), FILE);
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
    return handleOf(openSync(path, DIRECTORY), path);
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
    return handleOf(openSync(parent.at(name), DIRECTORY), path);
  }

  /** From the root down: a path that leads nowhere is found out at the first directory that is missing, however long it is. */
  #descendTo(key: EntryKey): DirHandle {
    let end = rootOf(key).length;
    let handle = this.open(key.slice(0, end));
    while (end < key.length) {
      const slash = key.indexOf('/', end + 1);
      end = slash < 0 ? key.length : slash;
      handle = this.open(key.slice(0, end)); // its parent is the one opened last
    }
    return handle;
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
