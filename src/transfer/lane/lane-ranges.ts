// Ranges of big files, in a lane: fetched into a part the main thread has made, or compared with what is there of it. Retries nothing.

import { readSync } from 'node:fs';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { BLOCK_BYTES } from '../../digest/digest.js';
import { createXxh64, type Xxh64 } from '../../digest/kernels/xxh64.js';
import type { Disk, OpenPart } from '../../disk/disk.js';
import { LmError } from '../../errors.js';
import { joinKey } from '../../files/entry.js';
import { mayBeYoung } from '../../files/young.js';
import type { Seal } from '../../wire/range-seals.js';
import { type EqualRange, empty, type LaneJob, type LaneResult, type Wanted } from '../lane-jobs.js';
import type { Fetcher, RangeSink } from './fetch.js';
import type { Slots } from './lane-slots.js';
import { noteProved } from './proved-range.js';

type RangeJob = Extract<LaneJob, { kind: 'range' }>;
type CompareJob = Extract<LaneJob, { kind: 'compare' }>;

export interface RangeWork {
  /** What is proved of it counts, whatever cuts it short. */
  fetch(job: RangeJob): Promise<LaneResult>;
  /** `equal` is undefined where the source has no seals. */
  compare(job: CompareJob): Promise<LaneResult>;
}

export interface RangeWorkOptions {
  disk: Disk;
  fetcher: Fetcher;
  slots: Slots;
  /** Hear of bytes that came, and of those among them that count for nothing. */
  arrived(bytes: number): void;
  undone(bytes: number): void;
}

/** Whether nothing but its digest can tell a later change, which of an empty file the size does; see files/young. */
export const wasYoung = ({ entry }: Wanted, told: boolean | undefined): boolean =>
  entry.size !== '0' && (told ?? mayBeYoung(BigInt(entry.mtimeNs), Date.now()));

/** Of what cannot be read. */
const NONE = new Uint8Array();

export function createRangeWork({ disk, fetcher, slots, arrived, undone }: RangeWorkOptions): RangeWork {
  let hasher: Xxh64 | undefined;

  function open({ dir, entry, partId }: Wanted, toRead?: 'to-read'): OpenPart {
    const part = disk.reopenPart(dir, entry.name, Number(entry.size), partId, toRead);
    if (part) return part;
    throw new LmError('local', `the unfinished part of ${joinKey(dir, entry.name)} is gone`, {
      hint: 'does something else write there?',
    });
  }

  async function fetch({ dir, entry, partId, offset, length, proved }: RangeJob): Promise<LaneResult> {
    const file: Wanted = { dir, entry, partId };
    const result = empty();
    const key = joinKey(dir, entry.name);
    const part = open(file);
    const sink: RangeSink = {
      bytes(_, chunk, position) {
        slots.stopIfAsked();
        disk.write(part.fd, chunk, offset + position, key);
        result.received += chunk.length;
        arrived(chunk.length);
      },
      proved(position, told) {
        result.settled = position;
        noteProved(proved, { bytes: position, ...told });
      },
      whole(_, told) {
        if (wasYoung(file, told)) result.young.push(file);
        result.settled = length;
      },
      problem: (_, kind, message, side) =>
        void result.problems.push({ key, result: kind, message, ...(side && { side }) }),
      forget() {},
    };
    try {
      result.fault = await slots.use((slot) => fetcher.range(slot, file, { offset, length }, sink));
      return result;
    } finally {
      undone(result.received - result.settled);
      disk.close(part.fd, key);
    }
  }

  async function compare({ dir, entry, partId, offset, length }: CompareJob): Promise<LaneResult> {
    const file: Wanted = { dir, entry, partId };
    const result = empty();
    const key = joinKey(dir, entry.name);
    const part = open(file, 'to-read');
    let told: { seals: readonly Seal[]; ctimeNs: string } | undefined;
    try {
      result.fault = await slots.use((slot) =>
        fetcher.seals(
          slot,
          file,
          { offset, length },
          {
            seals(seals, ctimeNs) {
              told = { seals, ctimeNs };
            },
            problem: (_, kind, message, side) =>
              void result.problems.push({ key, result: kind, message, ...(side && { side }) }),
          },
        ),
      );
      if (told) result.equal = await equalRanges(part.fd, told.seals, offset, length, told.ctimeNs);
      return result;
    } finally {
      disk.close(part.fd, key);
    }
  }

  /** Blocks that fit their seals, those that adjoin as one. */
  async function equalRanges(
    fd: number,
    seals: readonly Seal[],
    offset: number,
    length: number,
    ctimeNs: string,
  ): Promise<EqualRange[]> {
    const equal: EqualRange[] = [];
    for (const [i, { end, digest }] of seals.entries()) {
      slots.stopIfAsked();
      await nextTurn(); // others of this lane wait for nothing but this block
      if (end !== 'as-promised' && end !== 'young') break; // and what follows it is no better
      const at = offset + i * BLOCK_BYTES;
      const bytes = Math.min(BLOCK_BYTES, offset + length - at);
      if (Buffer.compare(digestOf(fd, at, bytes), digest) !== 0) continue;
      const young = end === 'young';
      const last = equal.at(-1);
      if (last && last.offset + last.length === at && last.young === young) last.length += bytes;
      else equal.push({ offset: at, length: bytes, ctimeNs, young });
    }
    return equal;
  }

  /** A disk that cannot give the bytes back has lost them: they are fetched again. */
  function digestOf(fd: number, at: number, bytes: number): Uint8Array {
    hasher ??= createXxh64(BLOCK_BYTES);
    hasher.reset();
    try {
      for (let done = 0; done < bytes; ) {
        const got = readSync(fd, hasher.buffer, done, bytes - done, at + done);
        if (got === 0) return NONE;
        done += got;
      }
    } catch {
      return NONE;
    }
    hasher.update(hasher.buffer.subarray(0, bytes));
    return hasher.digest();
  }

  return { fetch, compare };
}
