// A bundle's files, read whole, as frames in one buffer. Runs in a worker thread, because it blocks while it reads.

import { closeSync, readSync } from 'node:fs';
import { BLOCK_BYTES } from '../files/digest.js';
import { DirCache } from '../files/dirfd.js';
import type { EntryKey } from '../files/entry.js';
import type { Filter } from '../files/filter.js';
import type { Roots } from '../files/roots.js';
import type { Xxh64 } from '../files/xxh64.js';
import {
  type BundleRequest,
  TRAILER_STATUS,
  type TrailerStatus,
  trailerBytes,
  writeFrameHead,
} from '../wire/frames.js';
import type { Part } from '../wire/parts.js';
import { excludedHead, isAsListed, isDirExcluded, isFileExcluded, openListed, refusalOf } from './listed-file.js';

/** No head is longer; the messages of refusals are short and hold no names. */
const MOST_HEAD_BYTES = 160;

/** What the frames of a bundle need at most. */
export const packedBytes = (request: BundleRequest): number =>
  request.dirs
    .flatMap(([, parts]) => parts)
    .reduce((sum, [, size]) => sum + MOST_HEAD_BYTES + Number(size) + trailerBytes(Number(size)), 0);

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
      for (const part of parts)
        end =
          hidden || isFileExcluded(excludes, dir, part[0])
            ? put(buffer, end, writeFrameHead(excludedHead()))
            : packFile(dirs, dir, part, buffer, end, hash);
    }
  } finally {
    dirs.close();
  }
  return end;
}

function packFile(dirs: DirCache, dir: EntryKey, part: Part, buffer: Buffer, at: number, hash: Xxh64): number {
  const fd = openListed(dirs, dir, part);
  if (typeof fd !== 'number') return put(buffer, at, writeFrameHead(fd));
  try {
    const length = Number(part[1]);
    const start = put(buffer, at, writeFrameHead({ length }));
    const status = readWhole(fd, part, buffer.subarray(start, start + length));
    return putTrailer(buffer, start, length, status, hash);
  } catch (error) {
    return put(buffer, at, writeFrameHead(refusalOf(error)));
  } finally {
    closeSync(fd);
  }
}

/** A file that shrank is filled up with zeros: its length has been promised. */
function readWhole(fd: number, part: Part, into: Buffer): TrailerStatus {
  for (let at = 0; at < into.length; ) {
    const got = readSync(fd, into, at, into.length - at, at);
    if (got === 0) {
      into.fill(0, at);
      return TRAILER_STATUS.changed;
    }
    at += got;
  }
  return isAsListed(fd, part) ? TRAILER_STATUS.asPromised : TRAILER_STATUS.changed;
}

function putTrailer(buffer: Buffer, start: number, length: number, status: TrailerStatus, hash: Xxh64): number {
  buffer[start + length] = status;
  let end = start + length + 1;
  for (let at = 0; at < length; at += BLOCK_BYTES) {
    hash.update(buffer.subarray(start + at, start + Math.min(length, at + BLOCK_BYTES)));
    end = put(buffer, end, hash.digest());
  }
  return end;
}

function put(buffer: Buffer, at: number, bytes: Uint8Array): number {
  buffer.set(bytes, at);
  return at + bytes.length;
}
