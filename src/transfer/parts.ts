// Files too big for a bundle, on their way: made, sized, resumed, published or given up by the main thread alone. Moves no bytes.

import { lstatSync } from 'node:fs';
import { BLOCK_BYTES } from '../digest/digest.js';
import { type Disk, partNameOf } from '../disk/disk.js';
import { isOccupied, type Obstacle } from '../disk/places.js';
import { errnoOf, localError } from '../errors.js';
import type { DirCache } from '../files/dirfd.js';
import { type Entry, type EntryKey, joinKey, NO_INODE, parentOf } from '../files/entry.js';
import { pathOf, type Roots } from '../files/roots.js';
import type { FileProblem } from './lane-jobs.js';

/** The most one unit asks for of a big file. */
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

/** A range that is still to be dealt with. `here`: bytes of it may be there, of which only the source's hashes can tell. */
export interface Left extends Range {
  here?: true;
}

/** What an earlier run has left of a file; a hint that is believed only when source and part are still the same. */
export interface KnownPart {
  size: string;
  mtimeNs: string;
  /** The source's inode. */
  ino: string;
  /** See `Disk.partIdOf`. */
  partId: string;
  /** Proved ranges that are surely there, by the source's ctime when they were read; undefined where it did not tell. */
  done: readonly (readonly [offset: number, length: number, ctimeNs?: string])[];
  /** Ranges of which something may be there: they were begun, or read while the file was young. */
  begun: readonly (readonly [offset: number, length: number])[];
}

/** What an agent that seals blocks says of them. */
export interface RangeTold {
  ctimeNs: string;
  young: boolean;
}

/** The journal, as far as parts go. Each call is on disk before it returns, or throws `local`. */
export interface PartJournal {
  known(key: EntryKey): KnownPart | undefined;
  /** Of which files an earlier run has left one that this run has neither taken up nor ended. */
  left(): EntryKey[];
  started(key: EntryKey, entry: Entry, partId: string): void;
  /** A range is about to be fetched: if nothing is heard of it any more, bytes of it may be there all the same. */
  rangeBegun(key: EntryKey, range: Range): void;
  /** The bytes are with the kernel, and proved. */
  rangeDone(key: EntryKey, range: Range, told?: RangeTold): void;
  /** Published, or given up: nothing of it will be resumed. */
  ended(key: EntryKey): void;
}

export interface BigFile {
  dir: EntryKey;
  entry: Entry;
  /** See `Disk.partIdOf`. */
  partId?: string;
  /** Not handed out yet. */
  left: Left[];
  /** The most that one unit fetches of it. */
  unitBytes: number;
  bytesReused: number;
  /** The source's, under which the first of its bytes were read; undefined where it tells none. */
  ctimeNs?: string | undefined;
  /** Units handed out and not dealt with. */
  pending: number;
  problem?: FileProblem | undefined;
}

/** Makes the part, or takes up the one that is there; what is missing of it is fetched in units of `unitBytes` at the most. */
export function beginBigFile(
  disk: Disk,
  journal: PartJournal,
  { dir, entry }: Pick<BigFile, 'dir' | 'entry'>,
  unitBytes: number,
): BigFile {
  const { name, size } = entry;
  const bytes = Number(size);
  const known = resumable(journal.known(joinKey(dir, name)), entry);
  const kept = known && disk.reopenPart(dir, name, bytes, known.partId);
  if (kept === undefined && journal.known(joinKey(dir, name))) journal.ended(joinKey(dir, name)); // before another may get its number
  const part = kept ?? disk.createPart(dir, name, bytes);
  if (typeof part === 'string') return givenUp(dir, entry, part);
  const partId = disk.partIdOf(part.fd);
  if (kept === undefined) journal.started(joinKey(dir, name), entry, partId);
  disk.close(part.fd, joinKey(dir, name));
  const { left, bytesReused } = leftOf(bytes, kept && known, entry.ctimeNs);
  return { dir, entry, partId, left, unitBytes, bytesReused, ctimeNs: entry.ctimeNs, pending: 0 };
}

/**
 * What is still to be fetched or compared of a file. Proved ranges count while the source's ctime is the one they were read under; another
 * one may come of a new name or mode as well as of a write, so then its hashes decide, and of what was begun and never heard of again
 * too. `ctimeNs` is undefined where the source tells none: then size, time and inode have to do, and what was begun is fetched again.
 */
export function leftOf(
  bytes: number,
  known: Pick<KnownPart, 'done' | 'begun'> = { done: [], begun: [] },
  ctimeNs?: string,
): { left: Left[]; bytesReused: number } {
  const counts = ([, , then = ctimeNs]: KnownPart['done'][number]): boolean =>
    ctimeNs === undefined || then === ctimeNs;
  const whole: Range[] = [{ offset: 0, length: bytes }];
  const missing = without(whole, known.done.filter(counts));
  const fetched = without(missing, [...known.done, ...(ctimeNs === undefined ? [] : known.begun)]);
  const compared = without(
    missing,
    fetched.map(({ offset, length }) => [offset, length]),
  );
  const left = [...compared.map((range) => ({ ...range, here: true as const })), ...fetched];
  return { left, bytesReused: bytes - missing.reduce((sum, { length }) => sum + length, 0) };
}

/** The next unit of a file, `bytes` long at the most; a comparison moves no bytes, and so is as long as a request may be. */
export function cutUnit(file: Pick<BigFile, 'left' | 'unitBytes' | 'pending'>, bytes: number): Left | undefined {
  const next = file.left.shift();
  if (!next) return undefined;
  const length = Math.min(next.length, next.here ? RANGE_BYTES : Math.min(bytes, file.unitBytes));
  if (length < next.length) file.left.unshift({ ...next, offset: next.offset + length, length: next.length - length });
  file.pending++;
  return { ...next, length };
}

/**
 * Whether what is told now was read under another ctime than what was told before: a mix of two states of the file, for all its size and
 * time say, and only a digest can tell.
 */
export function isOtherState(file: Pick<BigFile, 'ctimeNs'>, { ctimeNs }: Pick<RangeTold, 'ctimeNs'>): boolean {
  const before = file.ctimeNs ?? ctimeNs;
  file.ctimeNs = ctimeNs;
  return before !== ctimeNs;
}

/** Whether all that was handed out has been dealt with, and nothing is left to be handed out. */
export const isOver = ({ left, pending }: BigFile): boolean => pending === 0 && left.length === 0;

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
  left: [],
  unitBytes: 0,
  bytesReused: 0,
  pending: 0,
  problem: { key: joinKey(dir, entry.name), result: 'failed', message },
});

/** What is left of ascending ranges without some others, in any order. */
export function without(
  ranges: readonly Range[],
  others: Iterable<readonly [offset: number, length: number, ...unknown[]]>,
): Range[] {
  const taken = [...others].sort(([a], [b]) => a - b);
  return ranges.flatMap(({ offset, length }) => {
    const left: Range[] = [];
    const end = offset + length;
    let at = offset;
    for (const [from, bytes] of taken) {
      if (at < from && at < end) left.push({ offset: at, length: Math.min(from, end) - at });
      at = Math.max(at, from + bytes);
    }
    if (at < end) left.push({ offset: at, length: end - at });
    return left;
  });
}

/** Once it is over: the final name, or nothing left of it. */
export function endBigFile(disk: Disk, journal: PartJournal, file: BigFile): FileProblem | undefined {
  const { dir, entry } = file;
  const { name, size } = entry;
  const key = joinKey(dir, name);
  const part = file.problem ? undefined : disk.reopenPart(dir, name, Number(size), file.partId);
  if (part === undefined) disk.discardPart(dir, name);
  const obstacle = part === undefined ? undefined : disk.publish(part, dir, entry);
  journal.ended(key);
  if (obstacle !== undefined) return { key, result: 'failed', message: obstacle };
  return (
    file.problem ?? (part === undefined ? { key, result: 'failed', message: 'its unfinished part is gone' } : undefined)
  );
}
