// Opens a file that a request names, if it is still the file that was listed. Follows no symbolic link.

import { closeSync } from 'node:fs';
import { wrongSizeText } from '../../digest/listed-file.js';
import { errnoOf, LmError } from '../../errors.js';
import type { DirCache } from '../../files/dirfd.js';
import { type EntryKey, kindOf } from '../../files/entry.js';
import { FileClocks } from '../../files/young.js';
import { statOf } from '../../syscalls/calls.js';
import type { FileStat } from '../../syscalls/stat.js';
import type { RequestedFile } from '../../wire/file-requests.js';
import { type FrameHead, TRAILER_STATUS, type TrailerStatus } from '../../wire/frames.js';

/** Why a file cannot be sent, as a frame head. */
export type RefusedHead = Extract<FrameHead, { result: unknown }>;

/** The caller closes the descriptor. `tornTo`: a file that has changed will do, if it is the same inode and has bytes up to there. */
export function openListed(
  dirs: DirCache,
  dir: EntryKey,
  file: RequestedFile,
  tornTo = Number.POSITIVE_INFINITY,
): number | RefusedHead {
  let fd: number | undefined;
  try {
    fd = dirs.openFile(dir, file[0]);
    const stat = statOf(fd);
    if (isSame(stat, file) || (isFile(stat) && `${stat.ino}` === file[3] && Number(stat.size) >= tornTo)) return fd;
  } catch (error) {
    if (fd !== undefined) closeSync(fd);
    return refusalOf(error);
  }
  closeSync(fd);
  return changedHead();
}

/** Compared exactly: both stats are of this host. */
export const isAsListed = (fd: number, file: RequestedFile): boolean => isSame(statOf(fd), file);

/**
 * The status of a file whose reading has just ended. `youngSinceMs`: when the reading began, by `performance.now()`, for a client that
 * requests whether the file was young then. `opened`: its state then, for one that is told the ctime of what it gets.
 */
export function statusOf(
  fd: number,
  file: RequestedFile,
  youngSinceMs: number | undefined,
  opened?: FileStat,
): TrailerStatus {
  const stat = statOf(fd);
  if (!isSame(stat, file) || (opened && mayBeWritten(stat, opened))) return TRAILER_STATUS.changed;
  if (youngSinceMs === undefined || !clocks.isYoung(fd, stat, youngSinceMs)) return TRAILER_STATUS.asPromised;
  return TRAILER_STATUS.young;
}

/**
 * A write whose mtime was set back leaves another ctime. So does a hard link, made or removed, which is usual while a file is read: a snapshot makes
 * one of every file.
 */
const mayBeWritten = (stat: FileStat, opened: FileStat): boolean =>
  stat.ctimeNs !== opened.ctimeNs && stat.nlink === opened.nlink;

/** One for this thread. */
const clocks = new FileClocks();

function isSame(stat: FileStat, [, size, mtimeNs, ino]: RequestedFile): boolean {
  return isFile(stat) && `${stat.size}` === size && `${stat.mtimeNs}` === mtimeNs && `${stat.ino}` === ino;
}

const isFile = ({ mode }: FileStat): boolean => kindOf(Number(mode)) === 'file';

export const changedHead = (): RefusedHead => refused('changed', 'changed since it was listed');

export const misstatedHead = (stated: number, held: number): RefusedHead =>
  refused('failed', wrongSizeText(stated, held));

const refused = (result: RefusedHead['result'], message: string): RefusedHead => ({ result, message });

/** Throws on what is no system error: it is the fault of the request, or of this program. */
export function refusalOf(error: unknown): RefusedHead {
  if (error instanceof LmError) throw error;
  const code = errnoOf(error);
  switch (code) {
    case 'ENOENT':
      return refused('vanished', 'no longer there');
    case 'ENOTDIR':
    case 'ELOOP':
    case 'ENXIO': // a socket
    case 'EISDIR': // a directory can be opened, but not read
    case 'ESPIPE': // a pipe: reading at a position fails, and takes nothing out of it
      return refused('changed', 'no longer a file reached through directories alone');
    case undefined:
      throw error;
    default:
      return refused('failed', code);
  }
}
