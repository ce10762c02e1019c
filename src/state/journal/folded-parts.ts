// Folds the journal's records of parts into the parts that exist. Pure; a range counts only while its bytes cannot have been lost.

import { BLOCK_BYTES, BLOCK_DIGEST_BYTES } from '../../digest/digest.js';
import type { EntryKey } from '../../files/entry.js';

export type PartRecord =
  /** A part of a big file was made: the file as the source lists it, and the inode here that holds the bytes. */
  | {
      type: 'part-started';
      key: EntryKey;
      size: string;
      mtimeNs: string;
      ino: string;
      partIno: string;
      /** Absent where the file system keeps none, and in records of lm 0.1.0. */
      partBirthNs?: string;
      /** It was a file of this host, which a repair has taken in hand. */
      unpublished?: true;
    }
  /** A range is about to be fetched. */
  | { type: 'range-begun'; key: EntryKey; offset: number; length: number }
  /**
   * The kernel has these bytes, and they are the source's. `ctimeNs`: ctime of the source's file when it was opened for them; absent where
   * the source sends none. `young`: the file was young when they were read. `blocks`: XXH64 of each MiB of them, in base64; absent where the
   * source sends none, and in records of lm 0.1.0.
   */
  | {
      type: 'range-done';
      key: EntryKey;
      offset: number;
      length: number;
      ctimeNs?: string;
      young?: true;
      blocks?: string;
    }
  /** The file was published or abandoned: there is nothing to resume. */
  | { type: 'part-ended'; key: EntryKey }
  /** In a journal that was started afresh: what the records of this part amounted to before. */
  | ({ type: 'part-carried'; key: EntryKey } & FoldedPart);

/**
 * An unfinished file beside its target. `done` are the ranges whose bytes are here and on disk, ascending, merged where they were read under
 * one ctime. `begun` are the ranges of which some bytes may be here, ascending and merged: only the source's hashes can prove them.
 */
export interface KnownPart {
  size: string;
  mtimeNs: string;
  ino: string;
  /** See `Disk.partIdOf`. */
  partId: string;
  /** It was a file of this host. */
  unpublished?: true;
  done: [offset: number, length: number, ctimeNs?: string][];
  begun: [offset: number, length: number][];
  /** The hashes of blocks in `done`, where there are any. */
  blocks?: { offset: number; blocks: Uint8Array; ctimeNs: string }[];
}

export type FoldedPart = Omit<KnownPart, 'done' | 'begun' | 'blocks'> & { ranges: FoldedRange[] };

interface FoldedRange {
  offset: number;
  length: number;
  boot: string;
  atMs: number;
  onDisk: boolean;
  /** Proved, and not read while the file was young. */
  done: boolean;
  ctimeNs?: string | undefined;
  blocks?: string | undefined;
}

export function applyToParts(parts: Map<EntryKey, FoldedPart>, record: PartRecord, boot: string, atMs: number): void {
  const written = { boot, atMs, onDisk: false };
  switch (record.type) {
    case 'part-started': {
      const { type: _, key, partIno, partBirthNs, ...promise } = record;
      parts.set(key, { ...promise, partId: partBirthNs ? `${partIno}@${partBirthNs}` : partIno, ranges: [] });
      return;
    }
    case 'range-begun': {
      const { key, offset, length } = record;
      parts.get(key)?.ranges.push({ offset, length, ...written, done: false });
      return;
    }
    case 'range-done': {
      const { key, offset, length, ctimeNs, young, blocks } = record;
      parts.get(key)?.ranges.push({ offset, length, ...written, done: !young, ctimeNs, blocks });
      return;
    }
    case 'part-ended':
      parts.delete(record.key);
      return;
    case 'part-carried': {
      const { type: _, key, ...part } = record;
      parts.set(key, part);
    }
  }
}

/** A part of which more is to be recorded by the process that goes on with it; what is known of it now stays so while that runs. */
export function unfolded({ done, begun, blocks = [], ...part }: KnownPart, boot: string): FoldedPart {
  const written = { boot, atMs: 0, onDisk: false };
  const hashed = blocks.map(({ offset, blocks: hashes, ctimeNs }): FoldedRange => {
    const length = Math.min(Number(part.size) - offset, (hashes.length / BLOCK_DIGEST_BYTES) * BLOCK_BYTES);
    return { offset, length, ...written, done: true, ctimeNs, blocks: Buffer.from(hashes).toString('base64') };
  });
  return {
    ...part,
    ranges: [
      ...done.map(([offset, length, ctimeNs]) => ({ offset, length, ...written, done: true, ctimeNs })),
      ...begun.map(([offset, length]) => ({ offset, length, ...written, done: false })),
      ...hashed,
    ],
  };
}

/** One record a part, which amounts to all of it that were written so far; ranges that adjoin and are trusted alike are one. */
export const carryParts = (parts: ReadonlyMap<EntryKey, FoldedPart>): PartRecord[] =>
  [...parts].map(([key, { ranges, ...part }]) => ({ type: 'part-carried', key, ...part, ranges: joined(ranges) }));

/** A joined range is as young as the youngest of its ranges: a sync point that began between them vouches for none of them. */
function joined(ranges: readonly FoldedRange[]): FoldedRange[] {
  const last = new Map<string, FoldedRange>();
  const result: FoldedRange[] = [];
  for (const range of [...ranges].sort((a, b) => a.offset - b.offset)) {
    const { offset, length, boot, atMs, onDisk, done, ctimeNs } = range;
    const kind = JSON.stringify([boot, onDisk, done, ctimeNs]);
    const before = last.get(kind);
    if (before && offset <= before.offset + before.length) {
      before.blocks = joinedBlocks(before, range);
      before.length = Math.max(before.length, offset + length - before.offset);
      before.atMs = Math.max(before.atMs, atMs);
      continue;
    }
    const next = { ...range };
    result.push(next);
    last.set(kind, next);
  }
  return result;
}

/** The hashes of two ranges that overlap or adjoin; undefined where those of some block are not known. */
function joinedBlocks(before: FoldedRange, next: FoldedRange): string | undefined {
  const [a, b] = [blocksOf(before), blocksOf(next)];
  if (!a || !b) return undefined;
  const at = ((next.offset - before.offset) / BLOCK_BYTES) * BLOCK_DIGEST_BYTES;
  if (!Number.isInteger(at / BLOCK_DIGEST_BYTES)) return undefined;
  return Buffer.concat([a.subarray(0, at), b, a.subarray(at + b.length)]).toString('base64');
}

/** Undefined unless there is one for each block. */
function blocksOf({ length, blocks }: FoldedRange): Buffer | undefined {
  const bytes = Buffer.from(blocks ?? '', 'base64');
  return bytes.length === Math.ceil(length / BLOCK_BYTES) * BLOCK_DIGEST_BYTES ? bytes : undefined;
}

/** Marks as on disk what was written under `boot` before `beganMs`. */
export function syncParts(parts: ReadonlyMap<EntryKey, FoldedPart>, boot: string, beganMs: number): void {
  for (const { ranges } of parts.values())
    for (const range of ranges) range.onDisk ||= range.boot === boot && range.atMs <= beganMs;
}

/**
 * Called when a run ended because a disk failed: what runs under `boot` have written and not synced may be lost by now. A later sync proves
 * nothing, because the kernel reports the failure once. The source's hashes can prove the bytes.
 */
export function requireDigests(parts: ReadonlyMap<EntryKey, FoldedPart>, boot: string): void {
  for (const { ranges } of parts.values())
    for (const range of ranges) if (range.boot === boot && !range.onDisk) range.done = false;
}

/** The part as it can be resumed under `boot`: without ranges that another boot has written and not synced. */
export function knownPart({ ranges, ...part }: FoldedPart, boot: string): KnownPart {
  const sound = ranges.filter((range) => range.onDisk || range.boot === boot);
  const byCtime = new Map<string | undefined, FoldedRange[]>();
  for (const range of sound.filter(({ done }) => done)) {
    const same = byCtime.get(range.ctimeNs) ?? [];
    same.push(range);
    byCtime.set(range.ctimeNs, same);
  }
  const done = [...byCtime].flatMap(([ctimeNs, same]) =>
    merged(same).map((range): KnownPart['done'][number] => (ctimeNs === undefined ? range : [...range, ctimeNs])),
  );
  const blocks = sound.flatMap((range) => {
    const [hashes, { offset, done: isDone, ctimeNs }] = [blocksOf(range), range];
    return hashes && isDone && ctimeNs !== undefined ? [{ offset, blocks: hashes, ctimeNs }] : [];
  });
  return {
    ...part,
    done: done.sort(([a], [b]) => a - b),
    begun: merged(sound.filter((range) => !range.done)),
    ...(blocks.length > 0 && { blocks }),
  };
}

function merged(ranges: readonly FoldedRange[]): [offset: number, length: number][] {
  const result: [number, number][] = [];
  for (const { offset, length } of [...ranges].sort((a, b) => a.offset - b.offset)) {
    const last = result.at(-1);
    if (last && offset <= last[0] + last[1]) last[1] = Math.max(last[1], offset + length - last[0]);
    else result.push([offset, length]);
  }
  return result;
}
