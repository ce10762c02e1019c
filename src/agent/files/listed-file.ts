// A file as a request describes it → an open descriptor, if it is still that very file. Follows no symbolic link.

import { type BigIntStats, closeSync, fstatSync } from 'node:fs';
import { misstated } from '../../digest/digest-files.js';
import { errnoOf, LmError } from '../../errors.js';
import type { DirCache } from '../../files/dirfd.js';
import type { EntryKey } from '../../files/entry.js';
import { FileClocks } from '../../files/young.js';
import { type FrameHead, TRAILER_STATUS, type TrailerStatus } from '../../wire/frames.js';
import type { Part } from '../../wire/parts.js';

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
export const isAsListed = (fd: number, part: Part): boolean => isSame(fstatSync(fd, { bigint: true }), part);

/**
 * How the reading of a file has ended just now. `youngSinceMs`: when it began, by `performance.now()`, for a client that asks whether
 * the file was young then.
 */
export function statusOf(fd: number, part: Part, youngSinceMs: number | undefined): TrailerStatus {
  const stat = fstatSync(fd, { bigint: true });
  if (!isSame(stat, part)) return TRAILER_STATUS.changed;
  if (youngSinceMs === undefined || !clocks.isYoung(fd, stat, youngSinceMs)) return TRAILER_STATUS.asPromised;
  return TRAILER_STATUS.young;
}

/** Of this thread. */
const clocks = new FileClocks();

function isSame(stat: BigIntStats, [, size, mtimeNs, ino]: Part): boolean {
  return stat.isFile() && `${stat.size}` === size && `${stat.mtimeNs}` === mtimeNs && `${stat.ino}` === ino;
}

export const changedHead = (): RefusedHead => refused('changed', 'changed since it was listed');

export const misstatedHead = (stated: number, held: number): RefusedHead => refused('failed', misstated(stated, held));

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
