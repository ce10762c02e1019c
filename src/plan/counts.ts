// A plan in numbers, and what the numbers say: how near the two sides are, and how much room the rest will take.

import type { Share } from '../events.js';
import { type Entry, type EntryKey, FIRST_FEW, joinKey, type RootKey, rootOf } from '../files/entry.js';
import type { Named, NotKept, RootShare } from '../report.js';
import { Holdings } from './holdings.js';

/** The plan in numbers. Shares count each entry once; bytes are those of regular files. */
export interface PlanCounts {
  /** Of the source, without what is excluded or cannot be copied. */
  total: Share;
  /** Files whose bytes are already here; of a share of `total`. */
  matching: Share;
  download: Share;
  /** Files left for the final pass, whatever is here of them: of a share of `total` as well. */
  left: Share;
  /** Of `total`, what is no directory. */
  files: number;
  /** Entries whose metadata alone differ, directories included. */
  fix: number;
  /** Of `download`, files of equal size whose time alone differs. */
  retimed: number;
  remove: Share;
  /** Everything of the destination that counts, `remove` included: what the deletion limit is a share of. */
  local: Share;
  /** What the downloads will take up, by root or mount point. */
  room: Map<EntryKey, Room>;
  /** Entries of each side, by root: a root that lost all of them at once deserves a second look. */
  roots: Map<RootKey, RootCounts>;
  /** What each directory holds: what the source has lost is judged by it. */
  holdings: Holdings;
  shares: Map<RootKey, Omit<RootShare, 'key'>>;
  /** Sockets, pipes and devices of the source, which are never copied. */
  special: number;
  firstSpecial: EntryKey[];
  /** Foreign directories that stay because of something excluded in them. */
  shielded: number;
  firstShielded: EntryKey[];
  /** What differs because the destination cannot keep it. */
  notKept: Pick<NotKept, 'times' | 'modes' | 'owners'>;
  /** Entries of both sides that get another owner. */
  otherOwner: number;
  /** Mount points of the destination that are no directories at the source. */
  mountsOnlyHere: EntryKey[];
}

export interface RootCounts {
  source: number;
  local: number;
}

/** Space on disk, in whole blocks. */
export interface Room {
  /** More than now, once all is done. */
  bytes: number;
  inodes: number;
  /** What CLEANING gives back before anything is written. */
  freedBytes: number;
  freedInodes: number;
  /** The largest replacements, the largest first: each stands beside what it replaces until it is whole. */
  replacements: number[];
  /** The most that such a pair takes up beyond what is in `bytes`: the smaller of the two, the largest first. */
  beside: number[];
}

export const noRoom = (): Room => ({
  bytes: 0,
  inodes: 0,
  freedBytes: 0,
  freedInodes: 0,
  replacements: [],
  beside: [],
});

/** Of the root or mount point, for whoever adds to it. */
function roomOf({ room }: PlanCounts, mount: EntryKey): Room {
  const known = room.get(mount) ?? noRoom();
  room.set(mount, known);
  return known;
}

const BLOCK_BYTES = 4096;
const inBlocks = (bytes: number): number => Math.ceil(bytes / BLOCK_BYTES) * BLOCK_BYTES;

/** As many as could be under way at once. */
const LARGEST_KEPT = 32;

const none = (): Named => ({ entries: 0, first: [] });

export const noCounts = (): PlanCounts => ({
  total: { entries: 0, bytes: 0 },
  matching: { entries: 0, bytes: 0 },
  download: { entries: 0, bytes: 0 },
  left: { entries: 0, bytes: 0 },
  files: 0,
  fix: 0,
  retimed: 0,
  remove: { entries: 0, bytes: 0 },
  local: { entries: 0, bytes: 0 },
  room: new Map(),
  roots: new Map(),
  holdings: new Holdings(),
  shares: new Map(),
  special: 0,
  firstSpecial: [],
  shielded: 0,
  firstShielded: [],
  notKept: { times: none(), modes: none(), owners: none() },
  otherOwner: 0,
  mountsOnlyHere: [],
});

export function rootCounts({ roots }: PlanCounts, root: RootKey): RootCounts {
  const known = roots.get(root) ?? { source: 0, local: 0 };
  roots.set(root, known);
  return known;
}

export function rootShare({ shares }: PlanCounts, root: RootKey): Omit<RootShare, 'key'> {
  const known = shares.get(root) ?? noShare();
  shares.set(root, known);
  return known;
}

const noShare = (): Omit<RootShare, 'key'> => ({
  total: { entries: 0, bytes: 0 },
  matching: { entries: 0, bytes: 0 },
  left: { entries: 0, bytes: 0 },
  firstMissing: [],
  firstLeft: [],
});

/** An entry of the source. */
export function countTotal(counts: PlanCounts, dir: EntryKey, entry: Entry): void {
  count(counts.total, entry);
  if (entry.kind !== 'directory') counts.files++;
  rootCounts(counts, rootOf(dir)).source++;
  count(rootShare(counts, rootOf(dir)).total, entry);
}

export function countMatching(counts: PlanCounts, dir: EntryKey, entry: Entry): void {
  count(counts.matching, entry);
  count(rootShare(counts, rootOf(dir)).matching, entry);
}

export function countDownload(counts: PlanCounts, dir: EntryKey, entry: Entry): void {
  count(counts.download, entry);
  if (entry.kind !== 'directory') name(rootShare(counts, rootOf(dir)).firstMissing, dir, entry);
}

export function countLeft(counts: PlanCounts, dir: EntryKey, entry: Entry): void {
  const share = rootShare(counts, rootOf(dir));
  count(counts.left, entry);
  count(share.left, entry);
  name(share.firstLeft, dir, entry);
}

function name(first: EntryKey[], dir: EntryKey, entry: Entry): void {
  if (first.length < FIRST_FEW) first.push(joinKey(dir, entry.name));
}

/** `replaced` is what stands there now. */
export function takeRoom(counts: PlanCounts, mount: EntryKey, source: Entry, replaced: Entry | undefined): void {
  const room = roomOf(counts, mount);
  const bytes = inBlocks(Number(source.size));
  if (!replaced) {
    room.bytes += bytes;
    room.inodes++;
    return;
  }
  const before = inBlocks(Number(replaced.size));
  room.bytes += bytes - before;
  room.replacements = largest(room.replacements, bytes);
  room.beside = largest(room.beside, Math.min(bytes, before));
}

/** What goes in CLEANING. */
export function giveRoom(counts: PlanCounts, mount: EntryKey, removed: Entry): void {
  const room = roomOf(counts, mount);
  room.freedBytes += inBlocks(Number(removed.size));
  room.freedInodes++;
}

function largest(kept: readonly number[], bytes: number): number[] {
  if (bytes <= (kept[LARGEST_KEPT - 1] ?? -1)) return kept as number[];
  return [...kept, bytes].sort((a, b) => b - a).slice(0, LARGEST_KEPT);
}

/**
 * What has to be free once the tree is cleaned, so that no moment of the downloads finds the disk full: all that grows, with the
 * largest `concurrency` pairs of old and new standing side by side; and the first of them, before any old one has gone.
 */
export function roomNeeded(
  { bytes, inodes, replacements, beside }: Room,
  concurrency: number,
): { bytes: number; inodes: number } {
  const sum = (sizes: readonly number[]): number => sizes.slice(0, concurrency).reduce((total, one) => total + one, 0);
  return {
    bytes: Math.max(0, bytes + sum(beside), sum(replacements)),
    inodes: inodes + Math.min(concurrency, replacements.length),
  };
}

export function count(share: Share, entry: Entry): void {
  share.entries++;
  share.bytes += Number(entry.size);
}

/** Bytes that match over bytes in all but what is left for the final pass; 0 of 0 is 1. */
export const matchRatio = ({ matching, total, left = NONE }: Compared): number =>
  total.bytes === left.bytes ? 1 : matching.bytes / (total.bytes - left.bytes);

type Compared = Pick<PlanCounts, 'matching' | 'total'> & Partial<Pick<PlanCounts, 'left'>>;
const NONE: Share = { entries: 0, bytes: 0 };

/** Every file there is was left for the final pass: nothing was selected that could match. */
export const isAllLeft = ({ files, left = NONE }: PlanCounts): boolean => left.entries > 0 && left.entries === files;

/**
 * Whether the destination is as near to the source as was asked. Below 1 only bytes count; at 1 every entry must be
 * there, with its mode, its owner and its link text.
 */
export function meets(counts: PlanCounts, successThreshold: number): boolean {
  if (successThreshold < 1) return matchRatio(counts) >= successThreshold && !isAllLeft(counts);
  return counts.download.entries === 0 && counts.fix === 0;
}
