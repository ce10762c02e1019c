// A file as a request describes it → an open descriptor, if it is still that very file. Follows no symbolic link.

import { type BigIntStats, closeSync, fstatSync } from 'node:fs';
import { errnoOf, LmError } from '../errors.js';
import type { DirCache } from '../files/dirfd.js';
import { type EntryKey, joinKey, parentOf } from '../files/entry.js';
import type { Filter } from '../files/filter.js';
import type { FrameHead } from '../wire/frames.js';
import type { Part } from '../wire/parts.js';

/** Why a file cannot be sent, in the form it has on the wire. */
export type RefusedHead = Extract<FrameHead, { result: unknown }>;

/** The caller closes the descriptor. */
export function openListed(dirs: DirCache, dir: EntryKey, part: Part): number | RefusedHead {
  let fd: number | undefined;
  try {
    fd = dirs.openFile(dir, part[0]);
    if (isAsListed(fd, part)) return fd;
  } catch (error) {
    if (fd !== undefined) closeSync(fd);
    return refusalOf(error);
  }
  closeSync(fd);
  return changedHead();
}

/** Compared exactly: one host sees its own file twice. */
export function isAsListed(fd: number, [, size, mtimeNs, ino]: Part): boolean {
  const stat: BigIntStats = fstatSync(fd, { bigint: true });
  return stat.isFile() && `${stat.size}` === size && `${stat.mtimeNs}` === mtimeNs && `${stat.ino}` === ino;
}

export const changedHead = (): RefusedHead => refused('changed', 'changed since it was listed');

/** What is excluded is not there for anybody who asks. */
export const excludedHead = (): RefusedHead => refused('vanished', 'excluded at the source');

/** Whether any file of `dir` is out of reach because a directory above it is excluded. */
export function isDirExcluded(excludes: Filter, dir: EntryKey): boolean {
  for (let above = dir; above.includes('/'); above = parentOf(above)) if (excludes(above, 'directory')) return true;
  return false;
}

export const isFileExcluded = (excludes: Filter, dir: EntryKey, name: string): boolean =>
  excludes(joinKey(dir, name), 'file');

const refused = (result: RefusedHead['result'], message: string): RefusedHead => ({ result, message });

/** What is no system error is the request's fault, or ours, and is thrown on. */
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
