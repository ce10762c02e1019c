// Counts what a plan does, and computes from it how much of the source matches and how much disk space the downloads need.

import type { Share } from '../events.js';
import { type Entry, type EntryKey, joinKey, type RootKey, rootOf } from '../files/entry.js';
import { FIRST_FEW } from '../files/listing.js';
import type { RootShare } from '../report/copy-report.js';
import type { NotKept } from '../report/parts.js';
import { Holdings } from './holdings.js';
import { noneNamed } from './left-out.js';
import { Subtrees } from './subtrees.js';

/** Each entry counts once in a share; bytes are those of regular files. */
export interface PlanCounts {
  /** Entries of the source, without those that are excluded or cannot be copied. */
  total: Share;
  /** Those of `total` that need no download. */
  matching: Share;
  download: Share;
  /** Those of `total` that are left for the final pass, whether or not a copy of them is here. */
  left: Share;
  /** What files of commit logs take up on the source's disk: they are made in their full size, as holes. */
  commitLogBytes: number;
  /** Where `download` and `left` are. */
  subtrees: Subtrees;
  /** Those of `total` that are not directories. */
  files: number;
  /** Entries of which only metadata differs, directories included. */
  fix: number;
  /** Those of `download` with equal size and another time. */
  retimed: number;
  remove: Share;
  /** All entries of the destination that are not excluded, `remove` included: --max-delete is a share of them. */
  local: Share;
  /** The disk space that the downloads will take up, by root or mount point. */
  room: Map<EntryKey, Room>;
  /** Entries of each side, by root: a root that lost all of them at once may be a disk that is not mounted. */
  roots: Map<RootKey, RootCounts>;
  /** Files of each directory: by them it is judged what the source has lost. */
  holdings: Holdings;
  shares: Map<RootKey, Omit<RootShare, 'key'>>;
  /** Sockets, pipes and devices of the source, which are never copied. */
  special: number;
  firstSpecial: EntryKey[];
  /** Extraneous directories that stay because something excluded lies in them. */
  shielded: number;
  firstShielded: EntryKey[];
  /** Attributes that differ because the destination cannot keep them. */
  notKept: Pick<NotKept, 'times' | 'modes' | 'owners'>;
  /** Entries that are on both sides and get another owner. */
  otherOwner: number;
  /** Mount points of the destination that are not directories at the source. */
  mountsOnlyHere: EntryKey[];
}

export interface RootCounts {
  source: number;
  local: number;
}

/** Disk space, in whole blocks. */
interface Room {
  /** The growth once the plan is carried out. */
  bytes: number;
  inodes: number;
  /** What CLEANING frees before anything is written. */
  freedBytes: number;
  freedInodes: number;
  /** Sizes of the largest replacements, the largest first: each takes space beside what it replaces until it is complete. */
  replacements: number[];
  /** What such a pair takes up beyond `bytes` meanwhile, the smaller of the two sizes; the largest first. */
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

/** The space of a root or mount point, to add to. */
function roomOf({ room }: PlanCounts, mount: EntryKey): Room {
  const known = room.get(mount) ?? noRoom();
  room.set(mount, known);
  return known;
}

const BLOCK_BYTES = 4096;
const inBlocks = (bytes: number): number => Math.ceil(bytes / BLOCK_BYTES) * BLOCK_BYTES;

/** As many as can be under way at once. */
const MAX_KEPT = 32;

export const noCounts = (): PlanCounts => ({
  total: { entries: 0, bytes: 0 },
  matching: { entries: 0, bytes: 0 },
  download: { entries: 0, bytes: 0 },
  left: { entries: 0, bytes: 0 },
  commitLogBytes: 0,
  subtrees: new Subtrees(),
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
  notKept: { times: noneNamed(), modes: noneNamed(), owners: noneNamed() },
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

/** Counts an entry of the source. */
export function countTotal(counts: PlanCounts, dir: EntryKey, entry: Entry): void {
  count(counts.total, entry);
  if (entry.kind !== 'directory') counts.files++;
  if (dir.startsWith('commitlog/')) counts.commitLogBytes += entry.allocated ?? Number(entry.size);
  rootCounts(counts, rootOf(dir)).source++;
  count(rootShare(counts, rootOf(dir)).total, entry);
}

export function countMatching(counts: PlanCounts, dir: EntryKey, entry: Entry): void {
  count(counts.matching, entry);
  count(rootShare(counts, rootOf(dir)).matching, entry);
}

export function countDownload(counts: PlanCounts, dir: EntryKey, entry: Entry): void {
  count(counts.download, entry);
  counts.subtrees.add(dir, entry);
  if (entry.kind !== 'directory') name(rootShare(counts, rootOf(dir)).firstMissing, dir, entry);
}

export function countLeft(counts: PlanCounts, dir: EntryKey, entry: Entry): void {
  const share = rootShare(counts, rootOf(dir));
  count(counts.left, entry);
  counts.subtrees.add(dir, entry);
  count(share.left, entry);
  name(share.firstLeft, dir, entry);
}

function name(first: EntryKey[], dir: EntryKey, entry: Entry): void {
  if (first.length < FIRST_FEW) first.push(joinKey(dir, entry.name));
}

/** `replaced` is the entry that is there now. Where the source's file has holes, so has what is here, as far as is known. */
export function takeRoom(counts: PlanCounts, mount: EntryKey, source: Entry, replaced: Entry | undefined): void {
  const room = roomOf(counts, mount);
  const bytes = inBlocks(source.allocated ?? Number(source.size));
  if (!replaced) {
    room.bytes += bytes;
    room.inodes++;
    return;
  }
  const size = inBlocks(Number(replaced.size));
  const before = source.allocated === undefined ? size : Math.min(size, bytes);
  room.bytes += bytes - before;
  room.replacements = largest(room.replacements, bytes);
  room.beside = largest(room.beside, Math.min(bytes, before));
}

/** Counts the space of an entry that CLEANING removes. */
export function giveRoom(counts: PlanCounts, mount: EntryKey, removed: Entry): void {
  const room = roomOf(counts, mount);
  room.freedBytes += inBlocks(Number(removed.size));
  room.freedInodes++;
}

function largest(kept: readonly number[], bytes: number): number[] {
  if (bytes <= (kept[MAX_KEPT - 1] ?? -1)) return kept as number[];
  return [...kept, bytes].sort((a, b) => b - a).slice(0, MAX_KEPT);
}

/**
 * How much must be free after CLEANING so that the disk is never full during the downloads: the growth with the largest `concurrency` pairs of
 * old and new files side by side; at least the first new ones, before any old one is replaced.
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

/** Matching bytes by all bytes except those left for the final pass; 1 where there are none. */
export const matchRatio = ({ matching, total, left = NONE }: Compared): number =>
  total.bytes === left.bytes ? 1 : matching.bytes / (total.bytes - left.bytes);

type Compared = Pick<PlanCounts, 'matching' | 'total'> & Partial<Pick<PlanCounts, 'left'>>;
const NONE: Share = { entries: 0, bytes: 0 };

/** Whether every file is left for the final pass, so that none could match. */
export const isAllLeft = ({ files, left = NONE }: PlanCounts): boolean => left.entries > 0 && left.entries === files;

/**
 * Whether the destination matches the source to the threshold. Below 1 only bytes count; at 1 every entry must be there, with its mode, its
 * owner and its link text.
 */
export function meets(counts: PlanCounts, successThreshold: number): boolean {
  if (successThreshold < 1) return matchRatio(counts) >= successThreshold && !isAllLeft(counts);
  return counts.download.entries === 0 && counts.fix === 0;
}
