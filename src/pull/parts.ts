// Files too big for a bundle, on their way: made, sized, resumed, published or given up by the main thread alone. Moves no bytes.

import { BLOCK_BYTES } from '../files/digest.js';
import { type EntryKey, joinKey, type Row } from '../files/entry.js';
import type { Disk } from './disk.js';
import type { FileProblem } from './lane-jobs.js';
import type { Obstacle } from './places.js';

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
  started(key: EntryKey, row: Row, partIno: string): void;
  rangeDone(key: EntryKey, range: Range): void;
  /** Published, or given up: nothing of it will be resumed. */
  ended(key: EntryKey): void;
}

export interface BigFile {
  dir: EntryKey;
  row: Row;
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
  { dir, row }: Pick<BigFile, 'dir' | 'row'>,
  rangeBytes: number,
): BigFile {
  const [name, size] = row;
  const bytes = Number(size);
  const known = resumable(journal.known(joinKey(dir, name)), row);
  const kept = known && disk.reopenPart(dir, name, bytes, known.partIno);
  const part = kept ?? disk.createPart(dir, name, bytes);
  if (typeof part === 'string') return givenUp(dir, row, part);
  if (kept === undefined) journal.started(joinKey(dir, name), row, disk.inodeOf(part.fd));
  disk.close(part.fd, joinKey(dir, name));
  const ranges = missingRanges(bytes, kept === undefined ? [] : known!.done, rangeBytes);
  const missing = ranges.reduce((sum, { length }) => sum + length, 0);
  return { dir, row, ranges, bytesReused: bytes - missing, pending: ranges.length };
}

export function resumable(known: KnownPart | undefined, [, size, mtimeNs, , ino]: Row): KnownPart | undefined {
  return known && known.size === size && known.mtimeNs === mtimeNs && known.ino === ino ? known : undefined;
}

const givenUp = (dir: EntryKey, row: Row, message: Obstacle): BigFile => ({
  dir,
  row,
  ranges: [],
  bytesReused: 0,
  pending: 0,
  problem: { key: joinKey(dir, row[0]), result: 'failed', message },
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
  const { dir, row } = file;
  const [name, size] = row;
  const key = joinKey(dir, name);
  const part = file.problem ? undefined : disk.reopenPart(dir, name, Number(size));
  if (part === undefined) disk.discardPart(dir, name);
  const obstacle = part === undefined ? undefined : disk.publish(part, dir, row);
  journal.ended(key);
  if (obstacle !== undefined) return { key, result: 'failed', message: obstacle };
  return (
    file.problem ?? (part === undefined ? { key, result: 'failed', message: 'its unfinished part is gone' } : undefined)
  );
}
