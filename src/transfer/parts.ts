// Begins, resumes, divides and ends files that are too big for a bundle, in the main thread. Workers move the bytes.

import { lstatSync } from 'node:fs';
import { BLOCK_BYTES } from '../digest/digest.js';
import { type Conflict, isOccupied } from '../disk/directories.js';
import { type Disk, type OpenPart, partNameOf } from '../disk/disk.js';
import type { Version, Versions } from '../disk/versions.js';
import { errnoOf, localError } from '../errors.js';
import type { DirCache } from '../files/dirfd.js';
import { type Entry, type EntryKey, joinKey, NO_CTIME, parentOf } from '../files/entry.js';
import { type Proof, type Validators, validatorsOf } from '../files/proof.js';
import { pathOf, type Roots } from '../files/roots.js';
import { MAX_SPARSE_BYTES } from '../wire/frames.js';
import type { DeltaPolicy } from './delta.js';
import type { KnownPart, PartJournal, Range, SourceState } from './part-journal.js';
import { adoptBasis, cloned, isOfState, isOfUse, isWorthAsking, rangesOfBasis, withPublished } from './parts/basis.js';
import { FileBlocks } from './parts/file-blocks.js';
import { type RemainingRange, without } from './parts/remaining.js';
import type { FileProblem } from './worker-jobs.js';

/** The longest range of a big file that one unit requests. */
export const RANGE_BYTES = 64 * BLOCK_BYTES;

/** Shorter units would cost more in round trips to a distant source than they gain. */
const MIN_RANGE_BYTES = 8 * BLOCK_BYTES;

/** The length of units with which every connection gets the same number of them, so that none is idle at the end. */
export function rangeBytesFor(bytesLeft: number, connections: number): number {
  const rounds = Math.ceil(bytesLeft / (connections * RANGE_BYTES));
  const blocks = Math.ceil(bytesLeft / (rounds * connections * BLOCK_BYTES));
  return Math.max(MIN_RANGE_BYTES, blocks * BLOCK_BYTES);
}

export interface BigFile {
  dir: EntryKey;
  entry: Entry;
  /** See `Disk.partIdOf`. */
  partId?: string;
  /** Ranges that are not in a unit yet. */
  remaining: RemainingRange[];
  /** The longest unit of it. */
  unitBytes: number;
  bytesReused: number;
  /** Bytes that may be here, of this file or an earlier state of it; what came twice counts twice. */
  bytesHere: number;
  /** Those of the version that is published here, as a reflink. */
  bytesCloned: number;
  /** Those of the source's own file, likewise. */
  bytesShared?: number;
  /** It has changed since it was listed, so that it will not be published; what there is of it is brought all the same. */
  torn?: true;
  /** The hashes of what is here. */
  blocks?: FileBlocks;
  /** What was read before its ctime changed, or while it was young, is compared once more or has been. */
  isProvedAgain?: true;
  /** It was no longer the source's then. */
  hasDiffered?: true;
  /** Units under way. */
  pending: number;
  problem?: FileProblem | undefined;
  /** Most blocks that were here differ from the source's: the others are not compared before they are patched. */
  mostDiffer?: boolean;
}

/**
 * Makes a part, resumes the existing one, or takes it as a basis. What is missing is fetched in units of at most `unitBytes`. `originals`: the
 * source's own files, where they can be opened here; a clone of one is compared with what the source reads of it, as all that is here is.
 */
export function beginBigFile(
  disk: Disk,
  journal: PartJournal,
  { dir, entry }: Pick<BigFile, 'dir' | 'entry'>,
  unitBytes: number,
  delta: DeltaPolicy,
  originals?: Versions,
): BigFile {
  const key = joinKey(dir, entry.name);
  const bytes = Number(entry.size);
  const left = journal.known(key);
  const here = left && isOfUse(left, entry, delta) ? reopen(disk, journal, { dir, entry }, left) : undefined;
  if (!here && left) journal.ended(key); // before another part can get its inode number
  const part = here?.part ?? disk.createPart(dir, entry.name, bytes);
  if (typeof part === 'string') return failedFile(dir, entry, part);
  const { partId, version, shared, clone } = closing(disk, part, key, () => {
    const partId = disk.partIdOf(part.fd);
    if (!here) journal.started(key, entry, partId);
    if (delta === 'never' || !isWorthAsking(entry)) return { partId };
    const cloneOf = (of: Versions, version: Version | undefined) =>
      !here && version ? cloned(of, journal, { dir, entry }, part, version) : undefined;
    const shared = originals && cloneOf(originals, originals.find(dir, entry.name, bytes));
    if (shared) return { partId, shared };
    const version = disk.versions.find(dir, entry.name, BLOCK_BYTES);
    return { partId, version, clone: cloneOf(disk.versions, version) };
  });
  const known = shared ?? clone ?? here?.known;
  const { remaining: missing, bytesReused } = remainingOf(bytes, known, entry.ctimeNs);
  const remaining = version && !clone ? withPublished(missing, version, bytes) : missing;
  const blocks = new FileBlocks(bytes);
  for (const some of here?.known.blocks ?? []) if (some.ctimeNs === entry.ctimeNs) blocks.add(some);
  const bytesHere = remaining.reduce((sum, { here, length }) => sum + (here ? length : 0), bytesReused);
  const bytesIn = (one: typeof clone): number => one?.begun.reduce((sum, [, length]) => sum + length, 0) ?? 0;
  const bytesOf = { bytesReused, bytesHere, bytesCloned: bytesIn(clone), bytesShared: bytesIn(shared) };
  return { dir, entry, partId, remaining, unitBytes, ...bytesOf, blocks, pending: 0 };
}

/** Closes the part when `work` ends, also where it throws. */
function closing<T>(disk: Disk, { fd }: OpenPart, key: EntryKey, work: () => T): T {
  try {
    return work();
  } finally {
    disk.close(fd, key);
  }
}

/** A part of this state of the file as it is, else what is there as a basis; with what is known of its bytes. */
function reopen(
  disk: Disk,
  journal: PartJournal,
  { dir, entry }: Pick<BigFile, 'dir' | 'entry'>,
  known: KnownPart,
): { part: OpenPart; known: Pick<KnownPart, 'done' | 'begun' | 'blocks'> } | undefined {
  const bytes = Number(entry.size);
  const resumed = isOfState(known, entry) ? disk.reopenPart(dir, entry.name, bytes, known.partId) : undefined;
  if (resumed) return { part: resumed, known };
  const basis = adoptBasis(disk, journal, { dir, entry }, known);
  if (!basis) return undefined;
  const begun = rangesOfBasis(known, bytes).map(({ offset, length }) => [offset, length] as const);
  return { part: basis, known: { done: [], begun } };
}

/**
 * What is still to be fetched or compared of a file. Proved ranges count while the source's ctime is the one with which they were read. Another
 * ctime may come from a rename or chmod as well as from a write, so then the hashes decide, as for ranges that were begun and never
 * recorded as done, and where the ctime is NO_CTIME. `ctimeNs` is undefined where the source sends none, and no hashes: then size, time and
 * inode decide for what came without a ctime, and all else is fetched again, as it may have been patched since.
 */
export function remainingOf(
  bytes: number,
  known: Pick<KnownPart, 'done' | 'begun'> = { done: [], begun: [] },
  ctimeNs?: string,
): { remaining: RemainingRange[]; bytesReused: number } {
  const counts = ([, , then = ctimeNs]: KnownPart['done'][number]): boolean => then === ctimeNs && ctimeNs !== NO_CTIME;
  const whole: Range[] = [{ offset: 0, length: bytes }];
  const missing = without(whole, known.done.filter(counts));
  const fetched = ctimeNs === undefined ? missing : without(missing, [...known.done, ...known.begun]);
  const compared = without(
    missing,
    fetched.map(({ offset, length }) => [offset, length]),
  );
  const remaining = [...compared.map((range) => ({ ...range, here: true as const })), ...fetched];
  return { remaining, bytesReused: bytes - missing.reduce((sum, { length }) => sum + length, 0) };
}

/**
 * How much of a file holds about so many bytes of data: of a file with holes a unit is longer, so that it is as much work as of any other. A
 * multiple of 1 MiB if `bytes` is.
 */
export function spanOf({ size, allocated }: Pick<Entry, 'size' | 'allocated'>, bytes: number): number {
  if (allocated === undefined) return bytes;
  const blocks = Math.floor((bytes * (Number(size) / Math.max(allocated, 1))) / BLOCK_BYTES);
  return Math.max(bytes, Math.min(MAX_SPARSE_BYTES, blocks * BLOCK_BYTES));
}

/** Takes the next unit of a file. One that is to be fetched has at most about `bytes` of data; a comparison moves none. */
export function cutUnit(
  file: Pick<BigFile, 'entry' | 'remaining' | 'unitBytes' | 'pending'>,
  bytes: number,
): RemainingRange | undefined {
  const next = file.remaining.shift();
  if (!next) return undefined;
  const longest = next.here ? file.unitBytes : spanOf(file.entry, Math.min(bytes, file.unitBytes));
  const length = Math.min(next.length, longest);
  if (length < next.length)
    file.remaining.unshift({ ...next, offset: next.offset + length, length: next.length - length });
  file.pending++;
  return { ...next, length };
}

/** Adds the hashes of a range that is here. */
export function noteBlocks({ blocks: known }: BigFile, offset: number, { ctimeNs, young, blocks }: SourceState): void {
  known?.add({ offset, blocks, ctimeNs }, young);
}

/** Whether no unit is under way and no range remains. */
export const isOver = ({ remaining, pending }: BigFile): boolean => pending === 0 && remaining.length === 0;

/** The disk space of a part, less than its size while it has holes; undefined when there is none. Throws `local`. */
export function bytesOfPart(dirs: DirCache, roots: Roots, key: EntryKey): number | undefined {
  try {
    const name = partNameOf(key.slice(key.lastIndexOf('/') + 1));
    return lstatSync(dirs.open(parentOf(key)).at(name)).blocks * 512;
  } catch (error) {
    if (isOccupied(error) || errnoOf(error) === 'ENOENT') return undefined;
    throw localError('look at the unfinished part of', pathOf(roots, key), error);
  }
}

const failedFile = (dir: EntryKey, entry: Entry, message: Conflict): BigFile => ({
  dir,
  entry,
  remaining: [],
  unitBytes: 0,
  bytesReused: 0,
  bytesHere: 0,
  bytesCloned: 0,
  pending: 0,
  problem: { key: joinKey(dir, entry.name), result: 'failed', message },
});

interface Ended {
  problem?: FileProblem;
  /** How much of the file is kept as the basis of its next state, at most. */
  bytesBasis?: number;
}

/**
 * Publishes the file if it is complete, else keeps its part or removes it. With `always` the part of a file with a problem stays, whatever it is, and
 * so does that of one whose blocks were not all read from one state. `proved`: called with what proves it.
 */
export function endBigFile(
  disk: Disk,
  journal: PartJournal,
  file: BigFile,
  proved: (proof: Proof) => void,
  keepsPart: 'always' | 'changed' | 'never',
): Ended {
  const { dir, entry } = file;
  const { name, size } = entry;
  const key = joinKey(dir, name);
  const isMixed = file.torn || (keepsPart === 'always' && file.blocks?.isSpoiled);
  const problem = file.problem ?? (isMixed ? severalStates(key) : undefined);
  if (problem && (keepsPart === 'always' || (keepsPart === 'changed' && isBasis(file, problem)))) {
    journal.kept(key);
    return { problem, bytesBasis: Math.min(file.bytesHere, Number(size)) };
  }
  const part = problem ? undefined : disk.reopenPart(dir, name, Number(size), file.partId);
  if (part === undefined) disk.discardPart(dir, name);
  const published = (local: Validators): void => {
    const proof = proofOf(file, local);
    if (proof) proved(proof);
  };
  const conflict = part === undefined ? undefined : disk.publish(part, dir, entry, published);
  journal.ended(key);
  if (conflict !== undefined) return { problem: { key, result: 'failed', message: conflict } };
  if (problem) return { problem };
  return part === undefined ? { problem: { key, result: 'failed', message: 'its unfinished part is gone' } } : {};
}

const severalStates = (key: EntryKey): FileProblem => ({
  key,
  result: 'changed',
  message: 'it was written to at the source while it was read, or just before',
  side: 'source',
});

/** A source without ctimes has no hashes either, by which the next state of the file could be compared with what is here. */
const isBasis = ({ partId, entry, bytesHere }: BigFile, { result }: FileProblem): boolean =>
  result === 'changed' && partId !== undefined && entry.ctimeNs !== undefined && bytesHere > 0;

/** Undefined where nothing proves the file: a Sidecar or an older agent sends no hashes, or it was young or changed while it was read. */
function proofOf({ entry, blocks }: BigFile, local: Validators): Proof | undefined {
  const [whole, source] = [blocks?.whole(), validatorsOf(entry)];
  if (!whole || !source) return undefined;
  const { ctimeNs } = whole;
  return { blocks: whole.blocks, source: { ...source, ctimeNs }, local, proved: 'received', atMs: Date.now() };
}
