// The calls that are made for every file of a tree, by the C library once there are so many that loading it is worth while, and by Node before
// that and where there is none. Opening and closing stay with Node: it closes what a thread has open when that ends, so it has to know.

import { fstatSync, lstatSync, readSync, renameSync } from 'node:fs';
import { constants as osConstants } from 'node:os';
import { type Libc, libc, systemError } from './libc.js';
import { createStatBuffer, type FileStat } from './stat.js';

/** An open directory. `at` is a path that leads to what has the name in it. */
export interface OpenDirectory {
  fd: number;
  at(name: string): string;
}

/** A call saves 1 to 2 µs: so many take as long without the C library as it takes to load. */
const WORTH_LOADING = 5_000;

/** Those of this thread. */
let calls = 0;

function quick(): Libc | undefined {
  if (calls >= WORTH_LOADING) return libc();
  calls++;
  return undefined;
}

/** Of the entry itself, if it is a link. Throws the system's error, as all here. */
export function statIn(directory: OpenDirectory, name: string): FileStat {
  const c = quick();
  if (!c || leadsElsewhere(name)) return lstatSync(directory.at(name), BIGINT);
  completed(c, 'statx', () => c.statx(directory.fd, name, stats.bytes));
  return stats.stat();
}

/** Of an open file. */
export function statOf(fd: number): FileStat {
  const c = quick();
  if (!c) return fstatSync(fd, BIGINT);
  completed(c, 'statx', () => c.statx(fd, '', stats.bytes));
  return stats.stat();
}

/** Reads up to `length` bytes of the file from `position` into `buffer` at `at`, and returns how many. */
export function readFrom(fd: number, buffer: Uint8Array, at: number, length: number, position: number): number {
  const c = quick();
  if (!c) return readSync(fd, buffer, at, length, position);
  const room = buffer.subarray(at, at + length);
  return completed(c, 'read', () => c.pread(fd, room, room.length, position));
}

/** Gives the entry `name` another name in the same directory, and takes it from what has it. Where that fails, Node tries again and throws. */
export function renameIn(directory: OpenDirectory, name: string, newName: string): void {
  const c = leadsElsewhere(name) || leadsElsewhere(newName) ? undefined : quick();
  if (c?.renameat(directory.fd, name, directory.fd, newName) !== 0)
    renameSync(directory.at(name), directory.at(newName));
}

const BIGINT = { bigint: true } as const;

/** One for this thread, whose calls are made one after another. */
const stats = createStatBuffer();

const { EINTR } = osConstants.errno;

function completed(c: Libc, name: string, call: () => number): number {
  for (;;) {
    const result = call();
    if (result >= 0) return result;
    const errno = c.errno();
    if (errno !== EINTR) throw systemError(name, errno);
  }
}

/** A path may begin at the root of the system, and a name that C takes to end early is another name. */
const leadsElsewhere = (name: string): boolean => /^$|[/\0]/.test(name);
