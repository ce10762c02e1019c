// A bundle's files, read whole, as frames in one buffer. Runs in a worker thread, because it blocks while it reads.

import { closeSync, readSync } from 'node:fs';
import { BLOCK_BYTES } from '../files/digest.js';
import { DirCache } from '../files/dirfd.js';
import type { EntryKey } from '../files/entry.js';
import type { Filter } from '../files/filter.js';
import type { Roots } from '../files/roots.js';
import type { Xxh64 } from '../files/xxh64.js';
import { type BundleRequest, FRAME_HEAD_BYTES, putFrameHead, TRAILER_STATUS, trailerBytes } from '../wire/frames.js';
import type { Part } from '../wire/parts.js';
import {
  changedHead,
  excludedHead,
  isAsListed,
  isDirExcluded,
  isFileExcluded,
  type RefusedHead,
  refusalOf,
} from './listed-file.js';

/** No head is longer; the messages of refusals are short and hold no names. */
const MOST_HEAD_BYTES = 160;

/** What the frames of a bundle need at most. */
export function packedBytes(request: BundleRequest): number {
  let sum = 0;
  for (const [, parts] of request.dirs)
    for (const [, size] of parts) sum += MOST_HEAD_BYTES + Number(size) + trailerBytes(Number(size));
  return sum;
}

export interface Packer {
  roots: Roots;
  excludes: Filter;
  hash: Xxh64;
}

/** Writes the frames into `buffer`, which holds `packedBytes`, and returns their length. */
export function pack(request: BundleRequest, buffer: Buffer, { roots, excludes, hash }: Packer): number {
  const dirs = new DirCache(roots);
  let end = 0;
  try {
    for (const [dir, parts] of request.dirs) {
      const hidden = isDirExcluded(excludes, dir);
      for (const part of parts) {
        const length = Number(part[1]);
        const start = end + FRAME_HEAD_BYTES;
        const refused =
          hidden || isFileExcluded(excludes, dir, part[0])
            ? excludedHead()
            : readListed(dirs, dir, part, buffer, start, length);
        end = putFrameHead(buffer, end, refused ?? { length });
        if (!refused) end = putTrailer(buffer, start, length, hash);
      }
    }
  } finally {
    dirs.close();
  }
  return end;
}

/**
 * Reads a whole file. One look at it, afterwards, is enough: a file that was written to since it was listed has another time from
 * then on, whether that was before it was read or meanwhile. Looking before too would find nothing more.
 */
function readListed(
  dirs: DirCache,
  dir: EntryKey,
  part: Part,
  buffer: Buffer,
  start: number,
  length: number,
): RefusedHead | undefined {
  try {
    const fd = dirs.openFile(dir, part[0]);
    try {
      for (let at = 0; at < length; ) {
        const got = readSync(fd, buffer, start + at, length - at, at);
        if (got === 0) return changedHead(); // it has become shorter
        at += got;
      }
      return isAsListed(fd, part) ? undefined : changedHead();
    } finally {
      closeSync(fd);
    }
  } catch (error) {
    return refusalOf(error);
  }
}

/** What a bundle holds has been read to its end, so no trailer says anything but that all is well. */
function putTrailer(buffer: Buffer, start: number, length: number, hash: Xxh64): number {
  let end = start + length;
  buffer[end++] = TRAILER_STATUS.asPromised;
  for (let at = 0; at < length; at += BLOCK_BYTES) {
    hash.update(buffer.subarray(start + at, start + Math.min(length, at + BLOCK_BYTES)));
    const digest = hash.digest();
    buffer.set(digest, end);
    end += digest.length;
  }
  return end;
}
