// Finds out which blocks of a range of an open file lie in holes.

import { fstatSync, read } from 'node:fs';
import { BLOCK_BYTES } from '../../digest/digest.js';
import { hasHoles, holesOf } from '../../linux/holes.js';
import { blocksOf, MAX_RANGE_BYTES, MAX_SPARSE_BYTES } from '../../wire/frames.js';

export interface MappedRange {
  start: number;
  end: number;
  /** Whether each block is a hole. */
  holes: boolean[];
}

/** The range as it is, without looking for holes, unless they are found without reading. */
export const mapUnread = async (fd: number, start: number, end: number): Promise<MappedRange> =>
  hasHoles(fstatSync(fd, { bigint: true })) && holesOf(fd)
    ? mapRange(fd, start, end)
    : { start, end, holes: Array.from({ length: blocksOf(end - start) }, () => false) };

/** Maps a range from its start: as far as MAX_RANGE_BYTES of data go, or less where zeros have to be read to be found. */
export async function mapRange(fd: number, start: number, end: number): Promise<MappedRange> {
  const { isHole, maxBytes } = holeFinder(fd);
  const holes: boolean[] = [];
  let left = MAX_RANGE_BYTES;
  let at = start;
  for (const last = Math.min(end, start + maxBytes); at < last; at += BLOCK_BYTES) {
    const hole = await isHole(at, Math.min(last, at + BLOCK_BYTES));
    if (!hole && left === 0) break;
    if (!hole) left -= BLOCK_BYTES;
    holes.push(hole);
  }
  return { start, end: Math.min(at, end), holes };
}

/** Adjoining blocks, all of them holes or all data, from `start` to `end` in the file. */
export interface BlockRun {
  hole: boolean;
  start: number;
  end: number;
}

export function* runsOf({ start, end, holes }: MappedRange): Generator<BlockRun> {
  for (let first = 0; first < holes.length; ) {
    let next = first + 1;
    while (next < holes.length && holes[next] === holes[first]) next++;
    yield {
      hole: holes[first]!,
      start: start + first * BLOCK_BYTES,
      end: Math.min(end, start + next * BLOCK_BYTES),
    };
    first = next;
  }
}

interface HoleFinder {
  isHole(from: number, to: number): boolean | Promise<boolean>;
  /** How long a range is mapped at most: where that means reading, as long as one that is sent. */
  maxBytes: number;
}

function holeFinder(fd: number): HoleFinder {
  if (!hasHoles(fstatSync(fd, { bigint: true }))) return { isHole: () => false, maxBytes: MAX_RANGE_BYTES };
  const holes = holesOf(fd);
  if (!holes) return { isHole: (from, to) => isZero(fd, from, to), maxBytes: MAX_RANGE_BYTES };
  let data = -1;
  const isHole = (from: number, to: number): boolean => {
    if (data < from) data = holes.nextData(from);
    return data >= to;
  };
  return { isHole, maxBytes: MAX_SPARSE_BYTES };
}

const PIECE_BYTES = 64 << 10;
const ZEROS = Buffer.alloc(PIECE_BYTES);

/** Reads no further than to the first byte that is not zero. What cannot be read is no hole: sending it will meet the problem. */
async function isZero(fd: number, from: number, to: number): Promise<boolean> {
  const buffer = Buffer.allocUnsafe(PIECE_BYTES);
  for (let at = from; at < to; ) {
    const got = await readPiece(fd, buffer, at, Math.min(PIECE_BYTES, to - at));
    if (got === 0 || !buffer.subarray(0, got).equals(ZEROS.subarray(0, got))) return false;
    at += got;
  }
  return true;
}

/** In one of Node's own threads. 0 where nothing could be read. */
const readPiece = (fd: number, buffer: Buffer, position: number, bytes: number): Promise<number> =>
  new Promise((resolve) => read(fd, buffer, 0, bytes, position, (error, got) => resolve(error ? 0 : got)));
