// Opens a part that an earlier step or run has left, if it is the one that is meant. Changes nothing but the mode of one that its owner could
// not open otherwise.

import { type BigIntStats, chmodSync, closeSync, constants, fstatSync, openSync } from 'node:fs';
import { geteuid } from 'node:process';
import { errnoOf } from '../errors.js';
import { pinned } from '../files/dirfd.js';

/** The mode of a part: only its owner may read it until it is published. */
export const PART_MODE = 0o600;

/** O_NONBLOCK: opening a pipe that has a part's name must not block the thread until somebody reads it. */
const NO_OTHER = constants.O_NOFOLLOW | constants.O_NONBLOCK;
const FLAGS = {
  'to-write': constants.O_WRONLY | NO_OTHER,
  'to-read': constants.O_RDONLY | NO_OTHER,
  'to-read-and-write': constants.O_RDWR | NO_OTHER,
} as const;

/** Undefined where `isRight` says so, or where it is another user's and may not be opened. Throws the system's error. */
export function openOldPart(
  at: string,
  why: keyof typeof FLAGS,
  isRight: (stat: BigIntStats) => boolean,
): { fd: number; stat: BigIntStats } | undefined {
  const fd = open(at, FLAGS[why], isRight);
  if (fd === undefined) return undefined;
  const stat = fstatSync(fd, { bigint: true });
  if (isRight(stat)) return { fd, stat };
  closeSync(fd);
  return undefined;
}

/** A part that was about to be published has the mode of the file already, which may not let its owner write to it. */
function open(at: string, flags: number, isRight: (stat: BigIntStats) => boolean): number | undefined {
  try {
    return openSync(at, flags);
  } catch (error) {
    if (errnoOf(error) !== 'EACCES') throw error;
  }
  const isOpened = pinned(at, (path, { uid }, exact) => {
    if (uid !== geteuid!() || !isRight(exact())) return false;
    chmodSync(path, PART_MODE);
    return true;
  });
  return isOpened ? openSync(at, flags) : undefined;
}
