// A bundle's files, read whole, as frames in one buffer. Runs in a worker thread, because it blocks while it reads.

import { closeSync, readSync } from 'node:fs';
import { BLOCK_BYTES } from '../../digest/digest.js';
import type { Xxh64 } from '../../digest/kernels/xxh64.js';
import { DirCache } from '../../files/dirfd.js';
import { type EntryKey, joinKey } from '../../files/entry.js';
import type { Roots } from '../../files/roots.js';
import type { Filter } from '../../patterns/filter.js';
import {
  type BundleRequest,
  FRAME_HEAD_BYTES,
  putFrameHead,
  TRAILER_STATUS,
  type TrailerStatus,
  trailerBytes,
} from '../../wire/frames.js';
import type { Part } from '../../wire/parts.js';
import { changedHead, misstatedHead, type RefusedHead, refusalOf, statusOf } from './listed-file.js';

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

/** Files of a bundle that could not be read, and the first of them. */
export interface Failed {
  files: number;
  key: EntryKey;
  message: string;
}

/** Writes the frames into `buffer`, which holds `packedBytes`, and returns their length. */
export function pack(
  request: BundleRequest,
  buffer: Buffer,
  { roots, excludes, hash }: Packer,
): { bytes: number; failed: Failed | undefined } {
  let failed: Failed | undefined;
  const dirs = new DirCache(roots, excludes);
  let end = 0;
  try {
    for (const [dir, parts] of request.dirs) {
      for (const part of parts) {
        const length = Number(part[1]);
        const start = end + FRAME_HEAD_BYTES;
        const read = readListed(dirs, dir, part, { buffer, start, length }, request.young === true);
        end = putFrameHead(buffer, end, typeof read === 'number' ? { length } : read);
        if (typeof read !== 'number' && read.result === 'failed') {
          failed ??= { files: 0, key: joinKey(dir, part[0]), message: read.message };
          failed.files++;
        }
        if (typeof read === 'number') end = putTrailer(buffer, start, length, read, hash);
      }
    }
  } finally {
    dirs.close();
  }
  return { bytes: end, failed };
}

/**
 * Reads a whole file. One look at it, afterwards, is enough: a file that was written to since it was listed has another time from
 * then on, whether that was before it was read or meanwhile. Looking before too would find nothing more. What is still as it was
 * listed and yet holds another number of bytes than it states is no file to copy.
 */
function readListed(
  dirs: DirCache,
  dir: EntryKey,
  part: Part,
  { buffer, start, length }: { buffer: Buffer; start: number; length: number },
  tellsYoung: boolean,
): TrailerStatus | RefusedHead {
  try {
    const fd = dirs.openFile(dir, part[0]);
    const beganMs = tellsYoung ? performance.now() : undefined;
    try {
      const held = readWhole(fd, buffer, start, length);
      const status = statusOf(fd, part, beganMs);
      if (status === TRAILER_STATUS.changed) return changedHead();
      return held === length ? status : misstatedHead(length, held);
    } finally {
      closeSync(fd);
    }
  } catch (error) {
    return refusalOf(error);
  }
}

/**
 * Returns how many bytes there were, of one more than are stated: it is asked for in the same read, for which the frame's trailer
 * leaves room. A read that brings all but that one has come to the end of the file.
 */
function readWhole(fd: number, buffer: Buffer, start: number, length: number): number {
  let at = 0;
  for (let got = 1; got > 0; ) {
    got = readSync(fd, buffer, start + at, length + 1 - at, at);
    at += got;
    if (at >= length) break;
  }
  return at;
}

/** What a bundle holds has been read to its end, so every trailer says that it is whole. */
function putTrailer(buffer: Buffer, start: number, length: number, status: TrailerStatus, hash: Xxh64): number {
  let end = start + length;
  buffer[end++] = status;
  for (let at = 0; at < length; at += BLOCK_BYTES) {
    hash.update(buffer.subarray(start + at, start + Math.min(length, at + BLOCK_BYTES)));
    const digest = hash.digest();
    buffer.set(digest, end);
    end += digest.length;
  }
  return end;
}
