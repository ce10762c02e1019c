// Takes the part of another state of the source's file as the basis of this one: what both have in common need not be fetched. Nothing of a
// basis is taken as it is: the source's hashes decide about every block.

import { BLOCK_BYTES } from '../../digest/digest.js';
import type { Disk, OpenPart } from '../../disk/disk.js';
import type { Version, Versions } from '../../disk/versions.js';
import { type Entry, type EntryKey, joinKey, NO_INODE } from '../../files/entry.js';
import type { DeltaPolicy } from '../delta.js';
import type { KnownPart, PartJournal, Range } from '../part-journal.js';
import { type RemainingRange, without } from './remaining.js';

/** Whether a part is of the source's file as it is listed now. */
export const isOfState = (known: KnownPart, { size, mtimeNs, ino = NO_INODE }: Entry): boolean =>
  known.size === size && known.mtimeNs === mtimeNs && known.ino === ino;

/** Whether a part is of use for a file: one of its own state always, one of another state as a basis. */
export const isOfUse = (known: KnownPart | undefined, entry: Entry, delta: DeltaPolicy): boolean =>
  known !== undefined && (isOfState(known, entry) || (delta !== 'never' && isWorthAsking(entry)));

/** Whether a file may be compared with other bytes: the source can be asked for hashes, and fetching it would cost more than asking. */
export const isWorthAsking = ({ ctimeNs, size }: Entry): boolean => ctimeNs !== undefined && Number(size) > BLOCK_BYTES;

/**
 * Opens a basis and gives it the size of the file. The journal comes first: from then on none of its ranges counts as proved, so that a
 * kill at any moment leaves nothing that is taken for the file's. Undefined when the part is gone or is not the one that was recorded.
 */
export function adoptBasis(
  disk: Disk,
  journal: PartJournal,
  { dir, entry }: { dir: EntryKey; entry: Entry },
  known: KnownPart,
): OpenPart | undefined {
  const part = disk.reopenPart(dir, entry.name, undefined, known.partId);
  if (!part) return undefined;
  const key = joinKey(dir, entry.name);
  const bytes = Number(entry.size);
  try {
    journal.started(key, entry, disk.partIdOf(part.fd));
    for (const range of rangesOfBasis(known, bytes)) journal.rangeBegun(key, range);
    disk.resize(part, bytes, key);
    return part;
  } catch (error) {
    disk.close(part.fd, key);
    throw error;
  }
}

/** Where a file of `bytes` may have bytes of the basis: whole blocks, ascending. Beyond them the part is a hole. */
export function rangesOfBasis({ done, begun }: Pick<KnownPart, 'done' | 'begun'>, bytes: number): Range[] {
  const ranges: Range[] = [];
  for (const [from, length] of [...done, ...begun].sort(([a], [b]) => a - b)) {
    const offset = Math.floor(from / BLOCK_BYTES) * BLOCK_BYTES;
    const end = Math.min(bytes, Math.ceil((from + length) / BLOCK_BYTES) * BLOCK_BYTES);
    const last = ranges.at(-1);
    if (last && offset <= last.offset + last.length) last.length = Math.max(last.length, end - last.offset);
    else if (offset < end) ranges.push({ offset, length: end - offset });
  }
  return ranges;
}

/** Makes a part that holds nothing yet a clone of a version that is here, all of which may be of use. Undefined where that cannot be. */
export function cloned(
  versions: Pick<Versions, 'clone'>,
  journal: PartJournal,
  { dir, entry }: { dir: EntryKey; entry: Entry },
  part: OpenPart,
  version: Version,
): Pick<KnownPart, 'done' | 'begun'> | undefined {
  const bytes = Number(entry.size);
  if (!versions.clone(dir, entry.name, version, part.fd, bytes)) return undefined;
  const ranges = rangesOfVersion(version, bytes);
  for (const range of ranges) journal.rangeBegun(joinKey(dir, entry.name), range);
  return { done: [], begun: ranges.map(({ offset, length }) => [offset, length]) };
}

/** Divides what is to be fetched into what the published version may have, and the rest. */
export function withPublished(remaining: readonly RemainingRange[], version: Version, bytes: number): RemainingRange[] {
  const there = rangesOfVersion(version, bytes).map(({ offset, length }) => [offset, length] as const);
  return remaining.flatMap((range) => {
    if (range.here) return [range];
    const beyond = without([range], there);
    const within = without(
      [range],
      beyond.map(({ offset, length }) => [offset, length]),
    );
    return [...within.map((each) => ({ ...each, here: true as const, published: version })), ...beyond];
  });
}

const rangesOfVersion = (version: Version, bytes: number): Range[] =>
  rangesOfBasis({ done: [[0, version.bytes]], begun: [] }, bytes);
