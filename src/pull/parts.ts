// Files too big for a bundle, on their way: made, sized, resumed, published or given up by the main thread alone. Moves no bytes.

import { lstatSync } from 'node:fs';
import { errnoOf, localError } from '../errors.js';
import { BLOCK_BYTES } from '../files/digest.js';
import type { DirCache } from '../files/dirfd.js';
import { type Entry, type EntryKey, joinKey, NO_INODE, parentOf } from '../files/entry.js';
import { pathOf, type Roots } from '../files/roots.js';
import { type Disk, partNameOf } from './disk.js';
import type { FileProblem } from './lane-jobs.js';
import { isOccupied, type Obstacle } from './places.js';

/** The most one range unit carries: what a cut connection or a killed process may cost. */
export const RANGE_BYTES = 64 * BLOCK_BYTES;

/** Shorter units would cost a distant source more in round trips than they gain. */
const LEAST_RANGE_BYTES = 8 * BLOCK_BYTES;

/** The length of units of which every connection gets equally many, with so many bytes still to come: none idles at the end. */
export function rangeBytesFor(bytesLeft: number, connections: number): number {
  const rounds = Math.ceil(bytesLeft / (connections * RANGE_BYTES));
  const blocks = Math.ceil(bytesLeft / (rounds * connections * BLOCK_BYTES));
  return Math.max(LEAST_RANGE_BYTES, blocks * BLOCK_BYTES);
}

export interface Range {
  offset: number;
  length: number;
}

/** What an earlier run has left of a file; a hint that is believed only when source and part are still the same. */
export interface KnownPart {
  size: string;
  mtimeNs: string;
  /** The source's inode. */
  ino: string;
  /** The part's own inode. */
  partIno: string;
  /** Finished ranges that are surely on disk. */
  done: readonly (readonly [offset: number, length: number])[];
}

/** The journal, as far as parts go. Each call is on disk before it returns, or throws `local`. */
export interface PartJournal {
  known(key: EntryKey): KnownPart | undefined;
  started(key: EntryKey, entry: Entry, partIno: string): void;
  rangeDone(key: EntryKey, range: Range): void;
  /** Published, or given up: nothing of it will be resumed. */
  ended(key: EntryKey): void;
}

export interface BigFile {
  dir: EntryKey;
  entry: Entry;
  /** The part's own inode. */
  partIno?: string;
  /** Still to be fetched, when the file was begun. */
  ranges: Range[];
  bytesReused: number;
  /** Ranges not yet dealt with. */
  pending: number;
  problem?: FileProblem;
}

/** Makes the part, or takes up the one that is there; what is missing of it is fetched in units of `rangeBytes`. */
export function beginBigFile(
  disk: Disk,
  journal: PartJournal,
  { dir, entry }: Pick<BigFile, 'dir' | 'entry'>,
  rangeBytes: number,
): BigFile {
  const { name, size } = entry;
  const bytes = Number(size);
  const known = resumable(journal.known(joinKey(dir, name)), entry);
  const kept = known && disk.reopenPart(dir, name, bytes, known.partIno);
  const part = kept ?? disk.createPart(dir, name, bytes);
  if (typeof part === 'string') return givenUp(dir, entry, part);
  const partIno = disk.inodeOf(part.fd);
  if (kept === undefined) journal.started(joinKey(dir, name), entry, partIno);
  disk.close(part.fd, joinKey(dir, name));
  const ranges = missingRanges(bytes, kept === undefined ? [] : known!.done, rangeBytes);
  const missing = ranges.reduce((sum, { length }) => sum + length, 0);
  return { dir, entry, partIno, ranges, bytesReused: bytes - missing, pending: ranges.length };
}

export function resumable(
  known: KnownPart | undefined,
  { size, mtimeNs, ino = NO_INODE }: Entry,
): KnownPart | undefined {
  return known && known.size === size && known.mtimeNs === mtimeNs && known.ino === ino ? known : undefined;
}

/** What a part takes up on disk, which is less than its size while it has holes; undefined when there is none. Throws `local`. */
export function bytesOfPart(dirs: DirCache, roots: Roots, key: EntryKey): number | undefined {
  try {
    const name = partNameOf(key.slice(key.lastIndexOf('/') + 1));
    return lstatSync(dirs.open(parentOf(key)).at(name)).blocks * 512;
  } catch (error) {
    if (isOccupied(error) || errnoOf(error) === 'ENOENT') return undefined;
    throw localError('look at the unfinished part of', pathOf(roots, key), error);
  }
}

const givenUp = (dir: EntryKey, entry: Entry, message: Obstacle): BigFile => ({
  dir,
  entry,
  ranges: [],
  bytesReused: 0,
  pending: 0,
  problem: { key: joinKey(dir, entry.name), result: 'failed', message },
});

/** What `done` leaves of the file, in pieces of `rangeBytes` whose offsets are multiples of it where nothing was done. */
export function missingRanges(bytes: number, done: KnownPart['done'], rangeBytes: number): Range[] {
  const ranges: Range[] = [];
  let at = 0;
  const upTo = (end: number): void => {
    while (at < end) {
      const length = Math.min(end - at, rangeBytes - (at % rangeBytes));
      ranges.push({ offset: at, length });
      at += length;
    }
  };
  for (const [offset, length] of [...done].sort((a, b) => a[0] - b[0])) {
    upTo(Math.min(offset, bytes));
    at = Math.max(at, offset + length);
  }
  upTo(bytes);
  return ranges;
}

/** Once no range is pending: the final name, or nothing left of it. */
export function endBigFile(disk: Disk, journal: PartJournal, file: BigFile): FileProblem | undefined {
  const { dir, entry } = file;
  const { name, size } = entry;
  const key = joinKey(dir, name);
  const part = file.problem ? undefined : disk.reopenPart(dir, name, Number(size), file.partIno);
  if (part === undefined) disk.discardPart(dir, name);
  const obstacle = part === undefined ? undefined : disk.publish(part, dir, entry);
  journal.ended(key);
  if (obstacle !== undefined) return { key, result: 'failed', message: obstacle };
  return (
    file.problem ?? (part === undefined ? { key, result: 'failed', message: 'its unfinished part is gone' } : undefined)
  );
}
