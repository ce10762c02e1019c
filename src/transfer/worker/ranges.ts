// Fetches ranges of big files into a part, in a worker, or compares the part with the source. The main thread has made the part, and retries.

import { closeSync } from 'node:fs';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { zeroBlockHash } from '../../digest/block-hashes.js';
import { BLOCK_BYTES } from '../../digest/digest.js';
import type { Disk, OpenPart } from '../../disk/disk.js';
import type { SparsePart } from '../../disk/sparse.js';
import { LmError } from '../../errors.js';
import { joinKey } from '../../files/entry.js';
import { mayBeYoung } from '../../files/young.js';
import { type Holes, holesOf } from '../../linux/holes.js';
import type { Seal } from '../../wire/range-seals.js';
import type { Range } from '../part-journal.js';
import { type EqualRange, noResult, type WantedFile, type WorkerJob, type WorkerResult } from '../worker-jobs.js';
import type { BlockReader } from './block-reader.js';
import type { Fetcher, RangeSink } from './fetch.js';
import { noteProved } from './proved-range.js';
import type { Slots } from './slots.js';

type RangeJob = Extract<WorkerJob, { kind: 'range' }>;
type CompareJob = Extract<WorkerJob, { kind: 'compare' }>;

/** What is compared: the part, or the published version, of which `bytes` are there. */
interface Compared {
  fd: number;
  bytes: number;
  holes: Holes | undefined;
  /** The part of a file with holes. */
  sparse: SparsePart | undefined;
  /** Writes into the part; undefined where that is what is compared. */
  copy: ((bytes: Uint8Array, position: number) => void) | undefined;
}

interface RangeWork {
  /** What is proved counts, even if the range is cut short. */
  fetch(job: RangeJob): Promise<WorkerResult>;
  /** `equal` and `differing` are undefined where the source has no seals. */
  compare(job: CompareJob): Promise<WorkerResult>;
}

export interface RangeWorkOptions {
  disk: Disk;
  reader: BlockReader;
  fetcher: Fetcher;
  slots: Slots;
  /** Called with the bytes that came, with zeros that did not have to come, and with those of both that are discarded. */
  arrived(bytes: number): void;
  skipped(bytes: number): void;
  discarded(bytes: number): void;
}

/** Whether only a digest can show a later change of the file; for an empty file, the size does. See files/young.ts. */
export const wasYoung = ({ entry }: WantedFile, young: boolean | undefined): boolean =>
  entry.size !== '0' && (young ?? mayBeYoung(BigInt(entry.mtimeNs), Date.now()));

/** Throws `local` when there is no such part. */
export function openPart(
  disk: Disk,
  { dir, entry, partId }: WantedFile,
  why?: Parameters<Disk['reopenPart']>[4],
): OpenPart {
  const part = disk.reopenPart(dir, entry.name, Number(entry.size), partId, why);
  if (part) return part;
  throw new LmError('local', `the unfinished part of ${joinKey(dir, entry.name)} is gone`, {
    hint: 'does something else write there?',
  });
}

export function createRangeWork(options: RangeWorkOptions): RangeWork {
  const { disk, reader, fetcher, slots, arrived, skipped, discarded } = options;

  async function fetch({ dir, entry, partId, offset, length, torn, proved }: RangeJob): Promise<WorkerResult> {
    const file: WantedFile = { dir, entry, partId };
    const result = noResult();
    const key = joinKey(dir, entry.name);
    const hasHoles = entry.allocated !== undefined;
    const part = openPart(disk, file, hasHoles ? 'to-read-and-write' : 'to-write');
    const sparse = hasHoles ? disk.sparsePart(part.fd, key) : undefined;
    let zeros = 0;
    const sink: RangeSink = {
      bytes(_, chunk, position) {
        slots.stopIfAsked();
        if (sparse) sparse.write(chunk, offset + position);
        else disk.write(part.fd, chunk, offset + position, key);
        result.received += chunk.length;
        arrived(chunk.length);
      },
      hole(bytes, position) {
        slots.stopIfAsked();
        sparse?.clear(bytes, offset + position);
        zeros += bytes;
        skipped(bytes);
      },
      proved(position, state, digest) {
        result.finished = position;
        noteProved(proved, { bytes: position, ...state }, digest);
      },
      whole(_, young) {
        if (wasYoung(file, young)) result.young.push(file);
        if (result.finished === 0) result.finished = length; // it has no seals: a sealed one may be shorter than requested
      },
      torn() {
        result.torn = result.received + zeros;
      },
      problem: (_, kind, message, side) =>
        void result.problems.push({ key, result: kind, message, ...(side && { side }) }),
      forget() {},
    };
    try {
      result.fault = await slots.use((slot) =>
        fetcher.range(slot, file, { offset, length, ...(torn && { torn }) }, sink),
      );
      return result;
    } finally {
      if (result.torn === undefined) discarded(result.received + zeros - result.finished);
      disk.close(part.fd, key);
    }
  }

  async function compare({ dir, entry, partId, offset, length, torn, published }: CompareJob): Promise<WorkerResult> {
    const file: WantedFile = { dir, entry, partId };
    const result = noResult();
    const key = joinKey(dir, entry.name);
    const hasHoles = entry.allocated !== undefined;
    const mayWrite = published !== undefined || (hasHoles && torn); // a repair returns a part as it was, if the source fails
    const part = openPart(disk, file, mayWrite ? 'to-read-and-write' : 'to-read');
    const sparse = hasHoles && mayWrite ? disk.sparsePart(part.fd, key) : undefined;
    const write = (bytes: Uint8Array, position: number): void =>
      sparse ? sparse.write(bytes, position) : disk.write(part.fd, bytes, position, key);
    const from = published ? disk.versions.open(dir, entry.name, published) : part.fd;
    let reply: { seals: readonly Seal[]; ctimeNs: string } | undefined;
    try {
      result.fault = await slots.use((slot) =>
        fetcher.seals(
          slot,
          file,
          { offset, length, ...(torn && { torn }) },
          {
            seals(seals, ctimeNs) {
              reply = { seals, ctimeNs };
            },
            problem: (_, kind, message, side) =>
              void result.problems.push({ key, result: kind, message, ...(side && { side }) }),
          },
        ),
      );
      if (reply && from !== undefined) {
        const range = { offset, length, torn };
        const bytes = published?.bytes ?? part.written;
        const holes = hasHoles ? holesOf(from) : undefined;
        const old = { fd: from, bytes, holes, sparse, copy: published && write };
        Object.assign(result, await judge(old, reply.seals, range, reply.ctimeNs));
      }
      return result;
    } finally {
      if (published && from !== undefined) closeSync(from);
      disk.close(part.fd, key);
    }
  }

  /**
   * Which blocks match their seals. Those of a file that has changed prove nothing. A block of zeros differs in all pages from any other: there
   * was nothing written here yet, or it is a hole at the source. Unless a bit of its seal was flipped on the way: then no page differs.
   */
  async function judge(
    old: Compared,
    seals: readonly Seal[],
    { offset, length, torn }: Pick<CompareJob, 'offset' | 'length' | 'torn'>,
    ctimeNs: string,
  ): Promise<Pick<WorkerResult, 'equal' | 'differing' | 'torn' | 'same'>> {
    const equal: EqualRange[] = [];
    const differing: Range[] = [];
    const same: Range[] = [];
    let isTorn = false;
    for (const [i, { end, digest }] of seals.entries()) {
      slots.stopIfAsked();
      await nextTurn(); // other jobs of this worker then wait for one block only
      isTorn ||= torn && end === 'changed';
      if ((end === 'changed' || end === 'failed') && !isTorn) break; // and so are those that follow
      const block = { offset: offset + i * BLOCK_BYTES, length: Math.min(BLOCK_BYTES, length - i * BLOCK_BYTES) };
      const zeros = zeroBlockHash(block.length);
      const here = digestOf(old, block, digest, zeros);
      if (!here) continue; // its bytes are lost, and are fetched whole
      const bits = bitsApart(here, digest);
      if (end === 'damaged' || bits > 0) {
        const isZeros = [here, digest].some((one) => Buffer.compare(one, zeros) === 0);
        if (bits <= 1 || !isZeros) addRange(differing, block);
      } else if (isTorn) same.push(block);
      else addEqual(equal, { ...block, ctimeNs, young: end === 'young', blocks: digest });
    }
    return { equal, differing, ...(isTorn && { torn: length, same }) };
  }

  /**
   * Copies the block too where it is to be copied, also if it differs: most of its pages may be the source's. Of a file with holes it is not
   * copied then, since it may have a hole there by now. A block of zeros becomes a hole of such a file: zeros that were written take up space, and
   * of a hole of the version an earlier run may have left other bytes in the part.
   */
  function digestOf(
    { fd, bytes: held, holes, sparse, copy }: Compared,
    { offset, length }: Range,
    wanted: Uint8Array,
    zeros: Uint8Array,
  ): Uint8Array | undefined {
    const isHole = holes !== undefined && holes.nextData(offset) >= offset + length;
    const bytes = isHole ? undefined : reader.read(fd, offset, length, held - offset);
    const here = isHole ? zeros : bytes && reader.digest(bytes);
    if (here && sparse && Buffer.compare(here, zeros) === 0) sparse.clear(length, offset);
    else if (bytes && here && (!sparse || Buffer.compare(here, wanted) === 0)) copy?.(bytes, offset);
    return here;
  }

  return { fetch, compare };
}

/** In how many bits two hashes differ. */
function bitsApart(a: Uint8Array, b: Uint8Array): number {
  let bits = 0;
  for (const [i, byte] of a.entries()) for (let left = byte ^ b[i]!; left !== 0; left &= left - 1) bits++;
  return bits;
}

/** Adds a block; one that adjoins the last becomes one range with it. */
export function addRange(ranges: Range[], { offset, length }: Range): void {
  const last = ranges.at(-1);
  if (last && last.offset + last.length === offset) last.length += length;
  else ranges.push({ offset, length });
}

/** Adds a block; one that adjoins the last, and is in the same state, becomes one range with it. */
export function addEqual(ranges: EqualRange[], block: EqualRange): void {
  const last = ranges.at(-1);
  if (last && last.offset + last.length === block.offset && last.young === block.young) {
    last.length += block.length;
    last.blocks = Buffer.concat([last.blocks, block.blocks]);
  } else ranges.push({ ...block, blocks: Uint8Array.from(block.blocks) });
}
