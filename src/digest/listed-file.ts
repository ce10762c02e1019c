// Opens a file if it is the one that was listed, and tells after it was read whether it still is. Follows no symbolic link.

import { closeSync } from 'node:fs';
import { errnoOf } from '../errors.js';
import type { DirCache } from '../files/dirfd.js';
import { type Entry, type EntryKey, joinKey, kindOf, NO_INODE, parentOf } from '../files/entry.js';
import { FileClocks } from '../files/young.js';
import { hasHoles } from '../linux/holes.js';
import { statOf } from '../syscalls/calls.js';
import type { FileStat } from '../syscalls/stat.js';
import { type OpenFile, openDirect } from './open-file.js';

/** A regular file as a listing has it; the members are those of an `Entry`. */
export interface ListedFile {
  key: EntryKey;
  size: string;
  mtimeNs: string;
  ino: string;
  /** Where the listing has it. A file whose ctime alone is another one has a digest all the same, without a ctime of its own. */
  ctimeNs?: string | undefined;
}

export const listed = (dir: EntryKey, { name, size, mtimeNs, ino = NO_INODE, ctimeNs }: Entry): ListedFile => ({
  key: joinKey(dir, name),
  ...{ size, mtimeNs, ino, ctimeNs },
});

/** Why a file has no bytes or no digest: it differs from the listing, is gone, or could not be read. */
export type FileFailure = 'changed' | 'vanished' | 'failed';

export interface Failed {
  result: FileFailure;
  message: string;
}

/** The message for a file whose stated size is wrong, as permanently on some file systems (procfs, sysfs, FUSE). */
export const wrongSizeText = (stated: number, held: number): string =>
  `states ${stated} bytes but holds ${held > stated ? 'more' : held}`;

/** An open file, and when its reading began, by `performance.now()`. */
export interface Opened extends OpenFile {
  beganMs: number;
  /** Before it was read; undefined for a small file. */
  ctimeNs: bigint | undefined;
}

/**
 * A file of fewer bytes is read by one call, which asks for one byte more, and from the page cache: 200,000 files of 2 KiB that lie there take a
 * thread a second, and five more if each read has to wait for the disk.
 */
export const ONE_READ_BYTES = 64 << 10;

/**
 * Opens a file. A small one is compared with the listing after it was read alone: what changed since it was listed, before the read or during
 * it, has another time from then on, and a stat before the read would find nothing more. Of a big file the stat saves reading in vain.
 */
export function openListed(
  dirs: DirCache,
  file: ListedFile,
  { opensUnreadable, direct: wantsDirect }: { opensUnreadable?: boolean; direct?: boolean },
): Opened | Failed {
  const beganMs = performance.now();
  const size = Number(file.size);
  let fd: number | undefined;
  try {
    const dir = parentOf(file.key);
    const name = file.key.slice(dir.length + 1);
    const isSmall = size < ONE_READ_BYTES;
    fd = wantsDirect && size > 0 ? openDirect(dirs, dir, name) : undefined;
    const direct = fd !== undefined;
    fd ??= dirs.openFile(dir, name, opensUnreadable);
    if (isSmall) return { fd, size, direct, beganMs, ctimeNs: undefined, hasHoles: false };
    const stat = statOf(fd);
    if (isSame(stat, file)) return { fd, size, direct, beganMs, ctimeNs: stat.ctimeNs, hasHoles: hasHoles(stat) };
  } catch (error) {
    return fd === undefined ? failureOf(error) : closed(fd, failureOf(error));
  }
  return closed(fd, changed('since it was listed'));
}

/** What is known of a file that was read as it was listed. */
export interface AsListed {
  young: boolean;
  /** Its ctime, if that proves that the file has not changed since it was listed, and that the next change will show. */
  ctimeNs: string | undefined;
}

/** Compares a file whose `bytes` were read with the listing. It has to be closed. With `proves` it is told whether it was young. */
export function stillListed(
  { fd, size, beganMs, ctimeNs }: Opened,
  file: ListedFile,
  bytes: number,
  proves: boolean,
): AsListed | Failed {
  const stat = statOf(fd);
  if (!isSame(stat, file)) return changed(ctimeNs === undefined ? 'since it was listed' : 'while it was read');
  if (bytes !== size) return failed(wrongSizeText(size, bytes));
  if (!proves) return NOT_ASKED;
  const young = clocks.isYoung(fd, stat, beganMs);
  // Of a small file: a ctime that was old when the read began has not moved during it.
  const stood = !young && (ctimeNs ?? stat.ctimeNs) === stat.ctimeNs;
  const now = stood ? clocks.ctimeOf(fd, stat) : undefined;
  return { young, ctimeNs: now === (file.ctimeNs ?? now) ? now : undefined };
}

const changed = (when: string): Failed => ({ result: 'changed', message: `changed ${when}` });
const NOT_ASKED: AsListed = { young: false, ctimeNs: undefined };

/** The clocks of this thread. */
const clocks = new FileClocks();

/** Closes a file and returns the answer for it. */
export function closed<Answer>(fd: number, answer: Answer): Answer | Failed {
  try {
    closeSync(fd);
    return answer;
  } catch (error) {
    return failureOf(error);
  }
}

/** Times are compared exactly, because one host reads both. */
const isSame = (stat: FileStat, { size, mtimeNs, ino }: ListedFile): boolean =>
  kindOf(Number(stat.mode)) === 'file' &&
  `${stat.size}` === size &&
  `${stat.mtimeNs}` === mtimeNs &&
  `${stat.ino}` === ino;

const failed = (message: string): Failed => ({ result: 'failed', message });

export function failureOf(error: unknown): Failed {
  const code = errnoOf(error);
  switch (code) {
    case 'ENOENT':
      return { result: 'vanished', message: 'no longer there' };
    case 'ENOTDIR':
    case 'ELOOP':
    case 'ENXIO': // a socket
    case 'EISDIR': // a directory can be opened, but not read
    case 'ESPIPE': // a pipe: reading at a position fails, and takes nothing out of it
      return { result: 'changed', message: 'no longer a file reached through directories alone' };
    default:
      return failed(code ?? (error instanceof Error ? error.message : String(error)));
  }
}
