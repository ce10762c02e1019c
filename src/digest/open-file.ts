// Reads an open file past the page cache, where its file system takes that, and else from it.

import { closeSync, constants, fstatSync, openSync } from 'node:fs';
import { errnoOf } from '../errors.js';
import type { DirCache } from '../files/dirfd.js';
import type { EntryKey } from '../files/entry.js';
import { readFrom } from '../syscalls/calls.js';
import { load } from './kernels/wasm.js';

/** Bytes of a file; the last range ends where the file does. */
export interface FileRange {
  offset: number;
  length: number;
}

export interface OpenFile {
  fd: number;
  /** As it was listed. */
  size: number;
  /** What is to be read of it, where that is not all. */
  range?: FileRange | undefined;
  /** Whether it takes less space than its bytes. */
  hasHoles?: boolean;
  /** Whether reads come from the disk. They have to be of whole pages, at a multiple of `DIRECT_BYTES`, into memory of `pageAligned`. */
  direct: boolean;
}

/**
 * Of one direct read: nothing is read ahead, so that a short read leaves the disk idle while its bytes are hashed. On a virtual disk, 1 MiB at
 * a time brings 1.3 GB/s, 256 KiB 1.2.
 */
export const DIRECT_BYTES = 1 << 20;

const PAGE_BYTES = 4096;

/** What a direct read asks for that wants `bytes`. Asking a small file for 1 MiB would pin as much memory: 58 µs instead of 35. */
export const directBytes = (bytes: number): number =>
  Math.min(DIRECT_BYTES, Math.ceil(bytes / PAGE_BYTES) * PAGE_BYTES);

/** Memory of WebAssembly begins at a page; nothing else that JavaScript can have does. */
export const pageAligned = (bytes: number): Buffer =>
  Buffer.from(load(Math.ceil(bytes / (64 << 10)), []).memory, 0, bytes);

/** Devices whose file systems do not take direct reads, as this thread has found. */
const cachedOnly = new Set<number>();

/** Whether the files of a directory may be read past the page cache, as far as this thread knows. Throws the system's error. */
export const mayBeDirect = (dirs: DirCache, dir: EntryKey): boolean =>
  constants.O_DIRECT !== undefined && !(cachedOnly.size > 0 && cachedOnly.has(fstatSync(dirs.open(dir).fd).dev));

/** Opens what has the name for direct reads. Undefined where that is not possible: it may be otherwise. Throws other errors of the system. */
export function openDirect(dirs: DirCache, dir: EntryKey, name: string): number | undefined {
  if (!mayBeDirect(dirs, dir)) return undefined;
  try {
    return dirs.openFile(dir, name, false, constants.O_DIRECT);
  } catch (error) {
    const code = errnoOf(error);
    if (code === 'EINVAL') cachedOnly.add(fstatSync(dirs.open(dir).fd).dev);
    else if (code !== 'EACCES') throw error;
    return undefined;
  }
}

/**
 * Reads up to `length` bytes. A file system may take O_DIRECT and then refuse a read, because it wants another alignment, or the file has ended
 * in the middle of a read; the file is then read through the cache from there on.
 */
export function readAt(file: OpenFile, buffer: Buffer, at: number, length: number, position: number): number {
  try {
    return readFrom(file.fd, buffer, at, length, position);
  } catch (error) {
    if (!file.direct || errnoOf(error) !== 'EINVAL') throw error;
    readCached(file, position);
    return readFrom(file.fd, buffer, at, length, position);
  }
}

/** The same inode, whatever has its name now. */
function readCached(file: OpenFile, position: number): void {
  const fd = openSync(`/proc/self/fd/${file.fd}`, constants.O_RDONLY | constants.O_NONBLOCK);
  if (position === 0) cachedOnly.add(fstatSync(fd).dev);
  closeSync(file.fd);
  file.fd = fd;
  file.direct = false;
}
