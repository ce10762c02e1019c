// A plan in numbers, and what the numbers say: how near the two sides are, and how much room the rest will take.

import type { Share } from '../events.js';
import type { EntryKey, RootKey, Row } from '../files/entry.js';

/** The plan in numbers. Shares count each entry once; bytes are those of regular files. */
export interface PlanCounts {
  /** Of the source, without what is excluded or cannot be copied. */
  total: Share;
  /** Files whose bytes are already here; of a share of `total`. */
  matching: Share;
  download: Share;
  /** Entries whose metadata alone differ, directories included. */
  fix: number;
  remove: Share;
  /** Everything of the destination that counts, `remove` included: what the deletion limit is a share of. */
  local: Share;
  /** What the downloads will take up, by root. */
  room: Map<RootKey, Room>;
  /** Entries of each side, by root: a root that lost all of them at once deserves a second look. */
  roots: Map<RootKey, RootCounts>;
  /** Sockets, pipes and devices of the source, which are never copied. */
  special: number;
  firstSpecial: EntryKey[];
  /** Foreign directories that stay because of something excluded, or mounted, in them. */
  shielded: number;
}

export interface RootCounts {
  source: number;
  local: number;
}

/** Space on disk: `bytes` in whole blocks more than now, once all is done; until then replacements stand beside what they replace. */
export interface Room {
  bytes: number;
  inodes: number;
  /** The largest files to be replaced, the largest first. */
  replaced: number[];
}

const BLOCK_BYTES = 4096;
const inBlocks = (bytes: number): number => Math.ceil(bytes / BLOCK_BYTES) * BLOCK_BYTES;

/** As many as could be under way at once. */
const LARGEST_KEPT = 32;

export const noCounts = (): PlanCounts => ({
  total: { entries: 0, bytes: 0 },
  matching: { entries: 0, bytes: 0 },
  download: { entries: 0, bytes: 0 },
  fix: 0,
  remove: { entries: 0, bytes: 0 },
  local: { entries: 0, bytes: 0 },
  room: new Map(),
  roots: new Map(),
  special: 0,
  firstSpecial: [],
  shielded: 0,
});

export function rootCounts({ roots }: PlanCounts, root: RootKey): RootCounts {
  const known = roots.get(root) ?? { source: 0, local: 0 };
  roots.set(root, known);
  return known;
}

/** `replaced` is what stands there now. */
export function takeRoom({ room: rooms }: PlanCounts, root: RootKey, source: Row, replaced: Row | undefined): void {
  const room = rooms.get(root) ?? { bytes: 0, inodes: 0, replaced: [] };
  rooms.set(root, room);
  const bytes = inBlocks(Number(source[1]));
  if (!replaced) {
    room.bytes += bytes;
    room.inodes++;
    return;
  }
  room.bytes += bytes - inBlocks(Number(replaced[1]));
  if (bytes <= (room.replaced[LARGEST_KEPT - 1] ?? 0)) return;
  room.replaced = [...room.replaced, bytes].sort((a, b) => b - a).slice(0, LARGEST_KEPT);
}

export function count(share: Share, row: Row): void {
  share.entries++;
  share.bytes += Number(row[1]);
}

/** Bytes that match over bytes in all; 0 of 0 is 1. */
export const matchRatio = ({ matching, total }: PlanCounts): number =>
  total.bytes === 0 ? 1 : matching.bytes / total.bytes;

/**
 * Whether the destination is as near to the source as was asked. Below 1 only bytes count; at 1 every entry must be
 * there, with its mode, its owner and its link text.
 */
export function meets(counts: PlanCounts, successThreshold: number): boolean {
  if (successThreshold < 1) return matchRatio(counts) >= successThreshold;
  return counts.download.entries === 0 && counts.fix === 0;
}
