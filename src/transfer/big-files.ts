// Transfers files that are too big for a bundle, unit by unit: has what may be here compared and patched, fetches the rest, retries, and
// records what is proved. Workers move the bytes.

import { BLOCK_BYTES } from '../digest/digest.js';
import type { Entry, EntryKey } from '../files/entry.js';
import { joinKey } from '../files/entry.js';
import type { Proof } from '../files/proof.js';
import { failureOfFault } from '../source/failure.js';
import { createRetrier, type Retrier } from '../source/retry.js';
import { createDelta, reportDelta } from './delta.js';
import type { Range } from './part-journal.js';
import { createBlocksHere } from './parts/blocks-here.js';
import type { RemainingRange } from './parts/remaining.js';
import { type BigFile, beginBigFile, cutUnit, endBigFile, isOver, RANGE_BYTES, spanOf } from './parts.js';
import { createRangeRecords } from './range-records.js';
import { reportProblem, type TransferContext, type TransferCounts } from './transfer-context.js';
import { createUnitSize, type UnitSize } from './unit-size.js';
import type { FileProblem, WantedFile } from './worker-jobs.js';

/** A file of which a unit is to be moved, and the worker that does it. */
export interface FileTurn {
  file: BigFile;
  worker: number;
}

export interface BigFiles {
  /** The present length of units. */
  readonly unitSize: UnitSize;
  begin(file: Pick<BigFile, 'dir' | 'entry'>, unitBytes: number): BigFile;
  /** Moves one unit, as long as the line allows now; does nothing when all units have begun. */
  moveNext(turn: FileTurn): Promise<void>;
  /** Moves one unit after another, in any worker. Returns the problem of a file that is not published. */
  moveWhole(file: WantedFile): Promise<FileProblem | undefined>;
  /** To be called when nothing is under way. */
  close(): void;
}

export function createBigFiles(pass: TransferCounts, context: TransferContext): BigFiles {
  const { workers, disk, journal, source } = context;
  const unitSize = createUnitSize();
  const delta = createDelta(context.delta, unitSize.bytesPerMs);
  const takesTorn = !context.keepsParts && delta.policy !== 'never';
  const keepsPart = context.keepsParts ? 'always' : delta.policy === 'never' ? 'never' : 'changed';
  const records = createRangeRecords(context);
  const here = createBlocksHere(pass, context, { delta, takesTorn });

  function begin({ dir, entry }: Pick<BigFile, 'dir' | 'entry'>, unitBytes: number): BigFile {
    const file = beginBigFile(disk, journal, { dir, entry }, unitBytes, delta.policy, context.originals);
    delta.counts.cloned += file.bytesCloned;
    if (file.bytesShared) delta.counts.shared = (delta.counts.shared ?? 0) + file.bytesShared;
    pass.bytesReused += file.bytesReused;
    if (isOver(file)) end(file);
    return file;
  }

  async function moveNext(file: BigFile, worker?: number): Promise<void> {
    const range = cutUnit(file, unitSize.bytes());
    if (!range) return;
    const problem = file.problem ?? (await moveRange(file, range, worker));
    file.problem ??= problem; // another range may have had a problem meanwhile, and one problem ends the file
    if (file.problem) file.remaining = [];
    file.pending--;
    if (!isOver(file)) return;
    if (file.problem || file.torn || !proveAgain(file)) return end(file);
    while (file.remaining.length > 0) await moveNext(file, worker);
  }

  /**
   * What was read before the ctime changed may be of another state although size and time are equal, and so may what was read while the file
   * was young: that is compared once more. The file is not published if its ctime changes then too, or if it is still young and has been
   * written to between the two readings; if both are equal, it was so when the second began. Returns whether there is something to compare.
   */
  function proveAgain(file: BigFile): boolean {
    if (file.isProvedAgain) {
      const { blocks, hasDiffered } = file;
      if (blocks?.hasEarlierStates || (hasDiffered && blocks?.isYoung)) file.torn = true;
      return false;
    }
    const ranges = file.blocks?.notProved() ?? [];
    if (ranges.length === 0) return false;
    file.isProvedAgain = true;
    file.mostDiffer = false;
    file.remaining = ranges.map((range) => ({ ...range, here: true }));
    return true;
  }

  /** Returns a problem that ends the file, if there is one. */
  async function moveRange(file: BigFile, range: RemainingRange, worker?: number): Promise<FileProblem | undefined> {
    const retrier = createRetrier(source.retrying(`${keyOf(file)} at ${range.offset}`, context.signal));
    const isWhole = !range.here || (range.published && !delta.compares());
    if (isWhole && range.published) delta.counts.whole += range.length;
    const missing = isWhole ? [range] : await here.mend(file, range, retrier, worker);
    if (!Array.isArray(missing)) return missing;
    for (const each of missing) {
      const problem = await fetch(file, each, retrier, worker);
      if (problem) return problem;
    }
    return undefined;
  }

  /**
   * Fetches a range; retries from the last proved byte while the retry policy allows. An agent that seals no blocks proves nothing of a range
   * that is cut, so each cut makes the next request shorter: a line that always breaks before 64 MiB can still transfer the file.
   */
  async function fetch(
    file: BigFile,
    range: Range,
    retrier: Retrier,
    worker?: number,
  ): Promise<FileProblem | undefined> {
    const { dir, entry, partId } = file;
    const end = range.offset + range.length;
    let maxBytes = range.length;
    for (let offset = range.offset; offset < end; ) {
      const length = Math.min(spanOf(entry, Math.min(maxBytes, unitSize.bytes())), end - offset);
      const beganMs = performance.now();
      const { finished, received, torn, problems, fault } = await records.during(file, { offset, length }, (proved) =>
        workers.run({ kind: 'range', dir, entry, partId, offset, length, torn: takesTorn, proved }, worker),
      );
      unitSize.note(received, performance.now() - beganMs);
      file.bytesHere += received;
      if (problems[0]) return problems[0]; // one range that is refused ends the file
      if (torn !== undefined) file.torn = true;
      const brought = torn ?? finished;
      offset += brought;
      if (brought > 0) retrier.progressed();
      if (!fault) continue;
      if (finished === 0 && fault.kind !== 'status')
        maxBytes = Math.max(BLOCK_BYTES, Math.floor(length / 4 / BLOCK_BYTES) * BLOCK_BYTES);
      await retrier.failed(failureOfFault(fault, source.url));
    }
    return undefined;
  }

  function end(file: BigFile): void {
    const proved = (proof: Proof): void => context.received.file(file.dir, file.entry.name, proof);
    const { problem, bytesBasis = 0 } = endBigFile(disk, journal, file, proved, keepsPart);
    if (bytesBasis > 0) pass.bytesBasis = (pass.bytesBasis ?? 0) + bytesBasis;
    file.problem = problem;
    if (problem) return reportProblem(problem, pass, context);
    pass.filesDownloaded++;
    pass.bytesDownloaded += Number(file.entry.size);
    workers.countFile();
  }

  return {
    unitSize,
    begin,
    moveNext: ({ file, worker }) => moveNext(file, worker),
    async moveWhole({ dir, entry }) {
      const file = begin({ dir, entry }, RANGE_BYTES);
      while (file.remaining.length > 0) await moveNext(file);
      return file.problem;
    },
    close() {
      records.close();
      reportDelta(delta, pass, context.emit);
    },
  };
}

const keyOf = ({ dir, entry }: { dir: EntryKey; entry: Entry }): EntryKey => joinKey(dir, entry.name);
