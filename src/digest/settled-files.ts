// Reads small files of one directory that nobody has written to lately, by as few steps as that takes. It only ever confirms: whatever is
// otherwise with a file, it leaves to whoever asks, who then finds out by opening it what that is.

import { constants } from 'node:fs';
import type { DirCache, DirHandle } from '../files/dirfd.js';
import type { Entry, EntryKey } from '../files/entry.js';
import { SETTLE_MS } from '../files/recent-changes.js';
import { isStampedByKernel } from '../files/young.js';
import { deviceOf, readKnown } from '../syscalls/calls.js';
import type { KnownFile } from '../syscalls/stat.js';
import type { FileAlgorithm } from './digest.js';
import { bufferFor, digestOf } from './digest-fd.js';
import { ONE_READ_BYTES } from './listed-file.js';
import { directBytes, mayBeDirect } from './open-file.js';

/** Longer than a file is young, on file systems whose times have steps of two seconds too. */
const SETTLED_S = 10 + SETTLE_MS / 1000;

/** A file as it was listed. */
export type ListedState = Pick<Entry, 'name' | 'size' | 'mtimeNs' | 'ino'> & Partial<Pick<Entry, 'ctimeNs'>>;

export interface SettledFiles {
  /** Whether files are read past the page cache. */
  direct: boolean;
  /**
   * Reads all of a file into the beginning of `buffer`, which has room for a byte more, and returns whether it is a regular file as it was
   * listed before it was read, is so afterwards, and was not young. False, too, where any of that cannot be found out by the short way; then
   * anything may be in the buffer.
   */
  read(file: ListedState, buffer: Uint8Array): boolean;
}

interface SettledOptions {
  /** As in `DigestJob`. */
  direct?: boolean | undefined;
  /** The clock of this host. */
  nowMs?: number;
}

/** Undefined for a directory that is not there, or whose file system does not take its times from this host's clock. */
export function openSettled(
  dirs: DirCache,
  dir: EntryKey,
  { direct = false, nowMs = Date.now() }: SettledOptions = {},
): SettledFiles | undefined {
  const settledS = Math.floor(nowMs / 1000) - SETTLED_S;
  let handle: DirHandle;
  let device: number | undefined;
  let isDirect: boolean;
  try {
    handle = dirs.open(dir);
    device = deviceOf(handle.fd);
    if (device === undefined || !isStampedByKernel(handle.at('.'))) return undefined;
    isDirect = direct && mayBeDirect(dirs, dir);
  } catch {
    return undefined; // asked for by each of its files, it fails again
  }
  const known = device;
  const flags = isDirect ? constants.O_DIRECT : 0;
  return {
    direct: isDirect,
    read(listed, buffer) {
      const file = knownFile(listed, settledS, known);
      if (!file) return false;
      const bytes = isDirect ? directBytes(file.size + 1) : file.size + 1;
      if (bytes > buffer.length) return false;
      return readKnown(handle, listed.name, file, { buffer, bytes, flags }) && dirs.includes(dir, listed.name);
    },
  };
}

/** The digest of a file that `settled` has read; undefined where it has not, or the file is not small. */
export function digestSettled(settled: SettledFiles, algorithm: FileAlgorithm, entry: Entry): string | undefined {
  const bytes = Number(entry.size);
  if (bytes >= ONE_READ_BYTES || !settled.read(entry, bufferFor(algorithm))) return undefined;
  return digestOf(algorithm, bytes);
}

/** Undefined for a file that is empty, or was written to lately, and for numbers that are not exact. */
function knownFile(
  { size, mtimeNs, ino, ctimeNs }: ListedState,
  settledS: number,
  device: number,
): KnownFile | undefined {
  const [bytes, inode] = [Number(size), Number(ino)];
  if (bytes === 0 || !Number.isSafeInteger(bytes) || !Number.isSafeInteger(inode)) return undefined;
  if (mtimeNs.length <= NANOSECOND_DIGITS || mtimeNs.startsWith('-')) return undefined;
  const mtime = { s: Number(mtimeNs.slice(0, -NANOSECOND_DIGITS)), ns: Number(mtimeNs.slice(-NANOSECOND_DIGITS)) };
  if (mtime.s >= settledS || (ctimeNs !== undefined && Number(ctimeNs) / 1e9 >= settledS)) return undefined;
  return { size: bytes, ino: inode, mtime, settledS, device };
}

const NANOSECOND_DIGITS = 9;
