// What the journal's records of unfinished parts add up to. Pure; a range counts only while nothing may have lost its bytes.

import type { EntryKey } from '../../files/entry.js';

export type PartRecord =
  /** A part of a big file was made: what the source promised, and which file here holds the bytes. */
  | {
      type: 'part-started';
      key: EntryKey;
      size: string;
      mtimeNs: string;
      ino: string;
      partIno: string;
      /** Absent where it is not kept, and in records of lm 0.1.0. */
      partBirthNs?: string;
    }
  /** A range is about to be fetched. */
  | { type: 'range-begun'; key: EntryKey; offset: number; length: number }
  /**
   * The kernel has these bytes, and they are the source's. `ctimeNs`: of the file there, as it was opened for them; absent where the
   * source tells none. `young`: the file was, as they were read.
   */
  | { type: 'range-done'; key: EntryKey; offset: number; length: number; ctimeNs?: string; young?: true }
  /** Published, or given up: there is nothing left to resume. */
  | { type: 'part-ended'; key: EntryKey };

/**
 * An unfinished file beside its target. `done` are the ranges whose bytes are there, ascending, none suspect, and merged as far as they
 * were read under one ctime; `begun` those of which bytes may be there, ascending and merged: only the source's hashes can tell.
 */
export interface KnownPart {
  size: string;
  mtimeNs: string;
  ino: string;
  /** See `Disk.partIdOf`. */
  partId: string;
  done: [offset: number, length: number, ctimeNs?: string][];
  begun: [offset: number, length: number][];
}

export type FoldedPart = Omit<KnownPart, 'done' | 'begun'> & { ranges: FoldedRange[] };

interface FoldedRange {
  offset: number;
  length: number;
  boot: string;
  atMs: number;
  onDisk: boolean;
  /** Proved, and not read while the file was young. */
  done: boolean;
  ctimeNs?: string | undefined;
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
      const { key, offset, length, ctimeNs, young } = record;
      parts.get(key)?.ranges.push({ offset, length, ...written, done: !young, ctimeNs });
      return;
    }
    case 'part-ended':
      parts.delete(record.key);
  }
}

/** What was written under `boot` before `beganMs` is on disk. */
export function syncParts(parts: ReadonlyMap<EntryKey, FoldedPart>, boot: string, beganMs: number): void {
  for (const { ranges } of parts.values())
    for (const range of ranges) range.onDisk ||= range.boot === boot && range.atMs <= beganMs;
}

/**
 * A run has ended because a disk failed: what it or an earlier run under `boot` has handed to the kernel may be lost by now, and a later
 * sync, to which the failure is told no more, proves nothing of it. The source's hashes can.
 */
export function doubtParts(parts: ReadonlyMap<EntryKey, FoldedPart>, boot: string): void {
  for (const { ranges } of parts.values())
    for (const range of ranges) if (range.boot === boot && !range.onDisk) range.done = false;
}

/** As `boot` of the machine may believe it. */
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
  return { ...part, done: done.sort(([a], [b]) => a - b), begun: merged(sound.filter((range) => !range.done)) };
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
