// Reads the files of a bundle whole and writes their frames into one buffer. Runs in a worker thread, because it blocks while it reads.

import { closeSync } from 'node:fs';
import { BLOCK_BYTES } from '../../digest/digest.js';
import type { Xxh64 } from '../../digest/kernels/xxh64.js';
import { openSettled, type SettledFiles } from '../../digest/settled-files.js';
import { DirCache } from '../../files/dirfd.js';
import { type EntryKey, joinKey } from '../../files/entry.js';
import type { Roots } from '../../files/roots.js';
import type { Filter } from '../../patterns/filter.js';
import { readFrom } from '../../syscalls/calls.js';
import type { RequestedFile } from '../../wire/file-requests.js';
import {
  type BundleRequest,
  FRAME_HEAD_BYTES,
  putFrameHead,
  TRAILER_STATUS,
  type TrailerStatus,
  trailerBytes,
} from '../../wire/frames.js';
import { changedHead, misstatedHead, type RefusedHead, refusalOf, statusOf } from './listed-file.js';

/** No frame head is longer: the messages of refusals are short and hold no names. */
const MAX_FRAME_HEAD_BYTES = 160;

/** The bytes that the frames of a bundle take at most. */
export function packedBytes(request: BundleRequest): number {
  let sum = 0;
  for (const [, files] of request.dirs)
    for (const [, size] of files) sum += MAX_FRAME_HEAD_BYTES + Number(size) + trailerBytes(Number(size));
  return sum;
}

export interface Packer {
  roots: Roots;
  excludes: Filter;
  hash: Xxh64;
}

/** Files of a bundle that could not be read, and the first of them. */
export interface FailedFiles {
  files: number;
  key: EntryKey;
  message: string;
}

/** Writes the frames into `buffer`, which holds `packedBytes`, and returns their length, and the number of files that are whole in it. */
export function pack(
  request: BundleRequest,
  buffer: Buffer,
  { roots, excludes, hash }: Packer,
): { bytes: number; files: number; failed: FailedFiles | undefined } {
  let files = 0;
  let failed: FailedFiles | undefined;
  const dirs = new DirCache(roots, excludes);
  let end = 0;
  try {
    for (const [dir, listed] of request.dirs) {
      const settled = listed.length > 1 ? openSettled(dirs, dir) : undefined;
      for (const file of listed) {
        const length = Number(file[1]);
        const start = end + FRAME_HEAD_BYTES;
        const read =
          settled && readSettled(settled, file, buffer, start, length)
            ? TRAILER_STATUS.asPromised
            : readListed(dirs, dir, file, { buffer, start, length }, request.young === true);
        end = putFrameHead(buffer, end, typeof read === 'number' ? { length } : read);
        if (typeof read !== 'number' && read.result === 'failed') {
          failed ??= { files: 0, key: joinKey(dir, file[0]), message: read.message };
          failed.files++;
        }
        if (typeof read !== 'number') continue;
        end = putTrailer(buffer, start, length, read, hash);
        files++;
      }
    }
  } finally {
    dirs.close();
  }
  return { bytes: end, files, failed };
}

/** Whether it has been read whole, by less than half of the processor time of `readListed`. */
const readSettled = (
  settled: SettledFiles,
  [name, size, mtimeNs, ino]: RequestedFile,
  buffer: Buffer,
  start: number,
  length: number,
): boolean => settled.read({ name, size, mtimeNs, ino }, buffer.subarray(start, start + length + 1));

/**
 * Reads a whole file, and stats it once, afterwards: a file that was written to since it was listed has another time from then on, whether
 * the write came before the read or during it. A stat before the read would find nothing more. A file that is still as it was listed, and
 * yet holds another number of bytes than it states, cannot be copied.
 */
function readListed(
  dirs: DirCache,
  dir: EntryKey,
  file: RequestedFile,
  { buffer, start, length }: { buffer: Buffer; start: number; length: number },
  reportsYoung: boolean,
): TrailerStatus | RefusedHead {
  try {
    const fd = dirs.openFile(dir, file[0]);
    const beganMs = reportsYoung ? performance.now() : undefined;
    try {
      const held = readWhole(fd, buffer, start, length);
      const status = statusOf(fd, file, beganMs);
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
 * Returns how many bytes the file held, up to one more than it states: the same read requests one byte more, for which the frame's trailer
 * leaves room. A read that brings all but that byte has reached the end of the file.
 */
function readWhole(fd: number, buffer: Buffer, start: number, length: number): number {
  let at = 0;
  for (let got = 1; got > 0; ) {
    got = readFrom(fd, buffer, start + at, length + 1 - at, at);
    at += got;
    if (at >= length) break;
  }
  return at;
}

/** `status` is `asPromised` or `young`: the file has been read whole. */
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
