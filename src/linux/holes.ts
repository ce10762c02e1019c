// Finds the holes of open files with lseek(2), and makes some with fallocate(2), which Node does not offer. Where the C library cannot be
// called, or a file system does not report holes reliably, nothing is found or made, and the caller reads or writes zeros instead.

import { fstatSync, statfsSync } from 'node:fs';
import { libc } from '../syscalls/libc.js';

/** Whether a file takes less space than it has bytes, by its stat. */
export const hasHoles = ({ size, blocks }: { size: bigint; blocks: bigint }): boolean =>
  blocks * SECTOR_BYTES + MIN_HOLE_BYTES <= size;

/** The space that a file takes, in bytes. */
export const allocatedBytes = ({ blocks }: { blocks: bigint }): number => Number(blocks * SECTOR_BYTES);

/** The unit of st_blocks, whatever the block size of the file system. */
const SECTOR_BYTES = 512n;

/** One page. A small file that lies in its inode has no hole, although it takes up no blocks. */
const MIN_HOLE_BYTES = 4096n;

/**
 * File systems whose files take less space than their bytes only by their holes, and which report holes as they are: ext2 to 4, XFS, Btrfs,
 * tmpfs, overlayfs. Others compress, or some of their versions have reported bytes just written as a hole (ZFS).
 */
const RELIABLE: ReadonlySet<number> = new Set([0xef53, 0x58465342, 0x9123683e, 0x01021994, 0x794c7630]);

/** Whether what a file system states of its files' space and holes is reliable. `path` leads to anything in it. */
export function tellsHoles(path: string): boolean {
  try {
    return RELIABLE.has(statfsSync(path).type);
  } catch {
    return false;
  }
}

export interface Holes {
  /** Where data begins, at or behind `position`; Infinity where nothing but a hole follows. Where it cannot be told: `position`. */
  nextData(position: number): number;
}

/** The holes of an open file, as they are at each call; undefined where they can only be found by reading. Moves the descriptor's offset. */
export function holesOf(fd: number): Holes | undefined {
  if (!isReliable(fd)) return undefined;
  const c = libc();
  if (!c) return undefined;
  return {
    nextData(position) {
      const at = c.lseek(fd, position, SEEK_DATA);
      if (at >= 0) return at;
      return c.errno() === ENXIO ? Number.POSITIVE_INFINITY : position;
    },
  };
}

const SEEK_DATA = 3;
/** No data at or behind the position. */
const ENXIO = 6;

/** Makes a hole of what an open file has from `from` up to `to`, both within it: zeros that take up no space. Returns whether it could. */
export const makeHole = (fd: number, from: number, to: number): boolean =>
  libc()?.fallocate(fd, KEEP_SIZE | PUNCH_HOLE, from, to - from) === 0;

const KEEP_SIZE = 1;
const PUNCH_HOLE = 2;

/** By device. */
const reliable = new Map<number, boolean>();

function isReliable(fd: number): boolean {
  const { dev } = fstatSync(fd);
  let is = reliable.get(dev);
  if (is === undefined) {
    is = tellsHoles(`/proc/self/fd/${fd}`);
    reliable.set(dev, is);
  }
  return is;
}
