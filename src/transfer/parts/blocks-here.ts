// Makes what is here of a big file the source's, range by range: compares its blocks by the source's hashes, and has the pages of those that
// differ patched. Says what remains to be fetched whole. Workers read and move the bytes.

import { BLOCK_BYTES } from '../../digest/digest.js';
import { joinKey } from '../../files/entry.js';
import { failureOfFault, type WorkerFault } from '../../source/failure.js';
import type { Retrier } from '../../source/retry.js';
import { type BlockRun, MAX_BLOCKS } from '../../wire/pages/pages-request.js';
import type { Delta } from '../delta.js';
import type { Range } from '../part-journal.js';
import { type BigFile, noteBlocks } from '../parts.js';
import type { TransferContext, TransferCounts } from '../transfer-context.js';
import type { FileProblem, WorkerResult } from '../worker-jobs.js';
import { type RemainingRange, without } from './remaining.js';

interface BlocksHere {
  /** Returns the ranges that are to be fetched whole, or a problem that ends the file. */
  mend(file: BigFile, range: RemainingRange, retrier: Retrier, worker?: number): Promise<Range[] | FileProblem>;
}

interface Compared {
  /** To be fetched whole. */
  missing: Range[];
  /** Bytes in the part that are not the source's; their pages can be compared. */
  differing: Range[];
  elapsedMs: number;
}

interface Patched {
  /** Does not match its seal when all pages that differ have come, or was refused. */
  missing: Range[];
  received: number;
}

export function createBlocksHere(
  pass: TransferCounts,
  { workers, journal, young, source }: TransferContext,
  { delta, takesTorn }: { delta: Delta; takesTorn: boolean },
): BlocksHere {
  async function mend(
    file: BigFile,
    range: RemainingRange,
    retrier: Retrier,
    worker?: number,
  ): Promise<Range[] | FileProblem> {
    const { published, length } = range;
    // Of a published file with holes a block that differs was not copied into the part, and comes whole, with its holes.
    const sendsPages = source.transport.sendsPages && !(published && file.entry.allocated !== undefined);
    if (file.mostDiffer && !published) {
      const patched = await patch(file, [range], retrier, worker);
      return 'missing' in patched ? patched.missing : patched;
    }
    const compared = await compare(file, range, retrier, worker);
    if (!('missing' in compared)) return compared;
    const { differing, elapsedMs } = compared;
    file.mostDiffer = sendsPages && 2 * bytesOf(differing) > length;
    const patched = sendsPages ? await patch(file, differing, retrier, worker) : { missing: differing, received: 0 };
    if (!('missing' in patched)) return patched;
    const missing = [...compared.missing, ...patched.missing];
    if (file.isProvedAgain && compared.missing.length + differing.length > 0) file.hasDiffered = true;
    if (published) {
      delta.note({ length }, bytesOf(missing) + patched.received, elapsedMs);
      file.bytesHere += length - bytesOf(missing);
    }
    return missing;
  }

  async function compare(
    file: BigFile,
    { offset, length, published }: RemainingRange,
    retrier: Retrier,
    worker?: number,
  ): Promise<Compared | FileProblem> {
    const { dir, entry, partId } = file;
    const range = { offset, length };
    const part = { dir, entry, partId, torn: takesTorn };
    for (;;) {
      const beganMs = performance.now();
      if (published) journal.rangeBegun(joinKey(dir, entry.name), range); // it is copied into the part meanwhile
      const result = await workers.run({ kind: 'compare', ...part, ...range, ...(published && { published }) }, worker);
      const { equal = [], same = [], differing = [], problems, fault } = result;
      if (problems[0]) return problems[0];
      if (fault) {
        await retrier.failed(failureOfFault(fault, source.url));
        continue;
      }
      retrier.progressed();
      record(file, result);
      const missing = without([range], [...equal, ...same, ...differing].map(pairOf));
      return { missing, differing, elapsedMs: performance.now() - beganMs };
    }
  }

  /**
   * A block that does not match its seal is patched once more: the pages that are right in the part by now are not sent again, so a bit that was
   * flipped in one of them, on its way or on the disk, costs that page.
   */
  async function patch(
    file: BigFile,
    ranges: readonly Range[],
    retrier: Retrier,
    worker?: number,
  ): Promise<Patched | FileProblem> {
    const first = await patchOnce(file, ranges, retrier, worker);
    if (!('missing' in first) || first.missing.length === 0) return first;
    const again = await patchOnce(file, first.missing, retrier, worker);
    return 'missing' in again ? { ...again, received: first.received + again.received } : again;
  }

  async function patchOnce(
    file: BigFile,
    ranges: readonly Range[],
    retrier: Retrier,
    worker?: number,
  ): Promise<Patched | FileProblem> {
    const { dir, entry, partId } = file;
    const part = { dir, entry, partId, torn: takesTorn };
    const patched: Patched = { missing: [], received: 0 };
    for (let left = ranges; left.length > 0; ) {
      const [now, later] = firstBlocks(left);
      for (const range of now) journal.rangeBegun(joinKey(dir, entry.name), range);
      const result = await workers.run({ kind: 'patch', ...part, runs: now.map(runOf) }, worker);
      const { equal = [], same = [], differing = [], received, problems, fault } = result;
      record(file, result);
      pass.bytesReused -= received;
      patched.received += received;
      if (problems[0]) return problems[0];
      patched.missing.push(...differing);
      const judged = [...equal, ...same, ...differing];
      if (judged.length > 0) retrier.progressed();
      const rest = without(now, judged.map(pairOf));
      left = isRefusal(fault) ? later : [...rest, ...later];
      if (isRefusal(fault)) patched.missing.push(...rest);
      else if (fault) await retrier.failed(failureOfFault(fault, source.url));
    }
    return patched;
  }

  function record(file: BigFile, { equal = [], torn }: WorkerResult): void {
    const { dir, entry } = file;
    if (torn !== undefined) file.torn = true;
    if (equal.some((range) => range.young)) young.add([{ dir, entry }]); // first, so that no later run relies on its times
    for (const { offset, length, ...state } of equal) {
      journal.rangeDone(joinKey(dir, entry.name), { offset, length }, state);
      noteBlocks(file, offset, state);
      if (!file.isProvedAgain) pass.bytesReused += length;
    }
  }

  return { mend };
}

/** The request was damaged on its way, or the agent is older than the one that was asked for its status: in the end whole blocks do as well. */
const isRefusal = (fault: WorkerFault | undefined): boolean => fault?.kind === 'status' && fault.status === 400;

const pairOf = ({ offset, length }: Range): [number, number] => [offset, length];

const bytesOf = (ranges: readonly Range[]): number => ranges.reduce((sum, { length }) => sum + length, 0);

const blocksIn = (length: number): number => Math.ceil(length / BLOCK_BYTES);

const runOf = ({ offset, length }: Range): BlockRun => [offset / BLOCK_BYTES, blocksIn(length)];

/** As many blocks as one request may name, and the rest. */
function firstBlocks(ranges: readonly Range[]): [now: Range[], later: Range[]] {
  const now: Range[] = [];
  for (let [i, room] = [0, MAX_BLOCKS]; i < ranges.length; i++) {
    const { offset, length } = ranges[i]!;
    const taken = Math.min(length, room * BLOCK_BYTES);
    if (taken > 0) now.push({ offset, length: taken });
    room -= blocksIn(taken);
    if (taken < length) return [now, [{ offset: offset + taken, length: length - taken }, ...ranges.slice(i + 1)]];
  }
  return [now, []];
}
