// The calls that are made for every file of a tree, by the C library once there are so many that loading it is worth while, and by Node before
// that and where there is none. Opening and closing stay with Node, but for `readKnown`: Node closes what a thread has open when that ends, so
// it has to know.

import { fstatSync, lstatSync, readSync, renameSync } from 'node:fs';
import { constants as osConstants } from 'node:os';
import { type Libc, libc, systemError } from './libc.js';
import { createStatBuffer, type FileStat, type KnownFile } from './stat.js';

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

/**
 * Reads all of a file into the beginning of `buffer` by one call for `bytes`, more than it has, and returns whether it is the one that is
 * known, after it was read. Follows no link. False, too, for any failure, and where the C library is not called: then other functions tell
 * why. The descriptor is open during this call alone, so that Node need not know of it.
 */
export function readKnown(
  directory: OpenDirectory,
  name: string,
  file: KnownFile,
  { buffer, bytes, flags }: { buffer: Uint8Array; bytes: number; flags: number },
): boolean {
  const c = leadsElsewhere(name) ? undefined : quick();
  const fd = c ? c.openat(directory.fd, name, flags) : -1;
  if (!c || fd < 0) return false;
  let isRead = false;
  try {
    isRead = c.pread(fd, buffer, bytes, 0) === file.size && c.statx(fd, '', stats.bytes) === 0 && stats.isOf(file);
  } finally {
    if (c.close(fd) !== 0) isRead = false;
  }
  return isRead;
}

/** The device of an open file, for `readKnown`; undefined where the C library is not called. */
export function deviceOf(fd: number): number | undefined {
  const c = quick();
  if (!c) return undefined;
  completed(c, 'statx', () => c.statx(fd, '', stats.bytes));
  return stats.device();
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
