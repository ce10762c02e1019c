// Finds the holes of open files with lseek(2), which Node does not offer. An optional package, koffi, calls it; without that package, or where
// a file system does not report holes reliably, nothing is found, and the caller reads zeros instead.

import { fstatSync, statfsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { platform } from 'node:os';

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
  const found = seeker();
  if (!found) return undefined;
  const { lseek, errno } = found;
  return {
    nextData(position) {
      const at = Number(lseek(fd, position, SEEK_DATA));
      if (at >= 0) return at;
      return errno() === ENXIO ? Number.POSITIVE_INFINITY : position;
    },
  };
}

const SEEK_DATA = 3;
/** No data at or behind the position. */
const ENXIO = 6;

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

/** What is used of koffi. Its own types are not there where it was not installed. */
interface Koffi {
  load(path: null): { func(declaration: string): Lseek };
  errno(): number;
}
type Lseek = (fd: number, offset: number, whence: number) => number | bigint;
type Seeker = { lseek: Lseek; errno(): number };

/** Null: it cannot be had. */
let known: Seeker | null | undefined;

/** Loads koffi when it is first needed: that takes a thread about 35 ms. */
function seeker(): Seeker | undefined {
  if (known === undefined) known = load() ?? null;
  return known ?? undefined;
}

function load(): Seeker | undefined {
  if (platform() !== 'linux') return undefined;
  try {
    const koffi: Koffi = createRequire(import.meta.url)('koffi');
    const library = koffi.load(null);
    const declared = (name: string): Lseek => library.func(`int64_t ${name}(int fd, int64_t offset, int whence)`);
    return { lseek: wide(declared), errno: () => koffi.errno() };
  } catch {
    return undefined; // it is not installed, or not made for this machine
  }
}

/** glibc has `lseek64` for offsets of 64 bits; `lseek` of musl takes no others. */
function wide(declared: (name: string) => Lseek): Lseek {
  try {
    return declared('lseek64');
  } catch {
    return declared('lseek');
  }
}
