// Digests small files of one directory that nobody has written to lately, by as few steps as that takes. It only ever confirms: whatever is
// otherwise with a file, it leaves to whoever asks, who then finds out by `digest/listed-file.ts` what that is.

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

export interface SettledFiles {
  /** Whether files are read past the page cache. */
  direct: boolean;
  /**
   * The digest of an entry that is a regular file as it was listed before it was read and is so afterwards, and that was not young. Undefined
   * where any of that is not so, or cannot be found out by the short way.
   */
  digest(entry: Entry): string | undefined;
}

interface SettledOptions {
  algorithm: FileAlgorithm;
  /** As in `DigestJob`. */
  direct?: boolean | undefined;
  /** The clock of this host. */
  nowMs?: number;
}

/** Undefined for a directory that is not there, or whose file system does not take its times from this host's clock. */
export function openSettled(
  dirs: DirCache,
  dir: EntryKey,
  { algorithm, direct = false, nowMs = Date.now() }: SettledOptions,
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
  const buffer = bufferFor(algorithm);
  return {
    direct: isDirect,
    digest(entry) {
      const file = knownFile(entry, settledS, known);
      if (!file) return undefined;
      const bytes = isDirect ? directBytes(file.size + 1) : file.size + 1;
      const isRead = readKnown(handle, entry.name, file, { buffer, bytes, flags }) && dirs.includes(dir, entry.name);
      return isRead ? digestOf(algorithm, file.size) : undefined;
    },
  };
}

/** Undefined for a file that is not small, is empty, or was written to lately, and for numbers that are not exact. */
function knownFile({ size, mtimeNs, ino, ctimeNs }: Entry, settledS: number, device: number): KnownFile | undefined {
  const [bytes, inode] = [Number(size), Number(ino)];
  if (bytes === 0 || bytes >= ONE_READ_BYTES || !Number.isSafeInteger(inode)) return undefined;
  if (mtimeNs.length <= NANOSECOND_DIGITS || mtimeNs.startsWith('-')) return undefined;
  const mtime = { s: Number(mtimeNs.slice(0, -NANOSECOND_DIGITS)), ns: Number(mtimeNs.slice(-NANOSECOND_DIGITS)) };
  if (mtime.s >= settledS || (ctimeNs !== undefined && Number(ctimeNs) / 1e9 >= settledS)) return undefined;
  return { size: bytes, ino: inode, mtime, settledS, device };
}

const NANOSECOND_DIGITS = 9;
