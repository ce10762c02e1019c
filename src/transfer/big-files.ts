// Files too big for a bundle, unit by unit: compared where bytes of them are here, fetched where they are not, retried, and written down
// as they are proved. Moves no bytes itself.

import { BLOCK_BYTES } from '../digest/digest.js';
import type { Entry, EntryKey } from '../files/entry.js';
import { joinKey } from '../files/entry.js';
import type { Iteration } from '../report.js';
import { failureOfFault } from '../source/failure.js';
import { createRetrier, type Retrier } from '../source/retry.js';
import type { FileProblem, Wanted } from './lane-jobs.js';
import {
  type BigFile,
  beginBigFile,
  cutUnit,
  endBigFile,
  isOtherState,
  isOver,
  type Left,
  RANGE_BYTES,
  type Range,
  without,
} from './parts.js';
import { createRangeRecords } from './range-records.js';
import { report, type TransferContext } from './transfer-context.js';
import { createUnitSize, type UnitSize } from './unit-size.js';

/** A file of which a unit is to be moved, and in which of the lanes. */
export interface FileTurn {
  file: BigFile;
  lane: number;
}

export interface BigFiles {
  /** How long units are at the moment. */
  readonly size: UnitSize;
  begin(file: Pick<BigFile, 'dir' | 'entry'>, unitBytes: number): BigFile;
  /** One unit, as long as the line allows now. Nothing, where nothing is left to be begun. */
  moveNext(turn: FileTurn): Promise<void>;
  /** One unit after another, in any lane. */
  moveWhole(file: Wanted): Promise<void>;
  /** When nothing is under way. */
  close(): void;
}

export function createBigFiles(iteration: Iteration, context: TransferContext): BigFiles {
  const { lanes, disk, journal, young, source } = context;
  const size = createUnitSize();
  const records = createRangeRecords(context);

  function begin({ dir, entry }: Pick<BigFile, 'dir' | 'entry'>, unitBytes: number): BigFile {
    const file = beginBigFile(disk, journal, { dir, entry }, unitBytes);
    iteration.bytesReused += file.bytesReused;
    if (isOver(file)) end(file);
    return file;
  }

  async function moveNext(file: BigFile, lane?: number): Promise<void> {
    const range = cutUnit(file, size.bytes());
    if (!range) return;
    const problem = file.problem ?? (await moveRange(file, range, lane));
    file.problem ??= problem; // another range may have met one meanwhile, and one voids the file
    if (file.problem) file.left = [];
    file.pending--;
    if (isOver(file)) end(file);
  }

  /** Returns what voids the file. */
  async function moveRange(file: BigFile, range: Left, lane?: number): Promise<FileProblem | undefined> {
    const retrier = createRetrier(source.retrying(`${keyOf(file)} at ${range.offset}`, context.signal));
    const missing = range.here ? await compare(file, range, retrier, lane) : [range];
    if (!Array.isArray(missing)) return missing;
    for (const each of missing) {
      const problem = await fetch(file, each, retrier, lane);
      if (problem) return problem;
    }
    return undefined;
  }

  /** Which bytes are not here as the source has them; or what voids the file. */
  async function compare(
    file: BigFile,
    { offset, length }: Range,
    retrier: Retrier,
    lane?: number,
  ): Promise<Range[] | FileProblem> {
    const { dir, entry, partId } = file;
    for (;;) {
      const job = { kind: 'compare', dir, entry, partId, offset, length } as const;
      const { equal = [], problems, fault } = await lanes.run(job, lane);
      if (problems[0]) return problems[0];
      if (fault) {
        await retrier.failed(failureOfFault(fault, source.url));
        continue;
      }
      retrier.progressed();
      const isOther = equal.filter((range) => isOtherState(file, range)).length > 0;
      if (isOther || equal.some((range) => range.young)) young.add([{ dir, entry }]);
      for (const { ctimeNs, young, ...range } of equal) {
        journal.rangeDone(joinKey(dir, entry.name), range, { ctimeNs, young });
        iteration.bytesReused += range.length;
      }
      return without(
        [{ offset, length }],
        equal.map((range) => [range.offset, range.length]),
      );
    }
  }

  /**
   * A range, tried again from where it is proved for as long as the retry policy agrees. An agent that seals no blocks has proved none of
   * the bytes of a range that is cut, so each cut makes its next request shorter: a line that never lasts for 64 MiB still gets there.
   */
  async function fetch(file: BigFile, range: Range, retrier: Retrier, lane?: number): Promise<FileProblem | undefined> {
    const { dir, entry, partId } = file;
    const end = range.offset + range.length;
    let most = range.length;
    for (let offset = range.offset; offset < end; ) {
      const length = Math.min(most, size.bytes(), end - offset);
      const beganMs = performance.now();
      const { settled, received, problems, fault } = await records.during(file, { offset, length }, (proved) =>
        lanes.run({ kind: 'range', dir, entry, partId, offset, length, proved }, lane),
      );
      size.note(received, performance.now() - beganMs);
      if (problems[0]) return problems[0]; // one changed range voids the file
      offset += settled;
      if (settled > 0) retrier.progressed();
      if (!fault) continue;
      if (settled === 0 && fault.kind !== 'status')
        most = Math.max(BLOCK_BYTES, Math.floor(length / 4 / BLOCK_BYTES) * BLOCK_BYTES);
      await retrier.failed(failureOfFault(fault, source.url));
    }
    return undefined;
  }

  function end(file: BigFile): void {
    const problem = endBigFile(disk, journal, file);
    if (problem) return report(problem, iteration, context);
    iteration.filesDownloaded++;
    iteration.bytesDownloaded += Number(file.entry.size);
    lanes.countFile();
  }

  return {
    size,
    begin,
    moveNext: ({ file, lane }) => moveNext(file, lane),
    async moveWhole({ dir, entry }) {
      const file = begin({ dir, entry }, RANGE_BYTES);
      while (file.left.length > 0) await moveNext(file);
    },
    close: records.close,
  };
}

const keyOf = ({ dir, entry }: { dir: EntryKey; entry: Entry }): EntryKey => joinKey(dir, entry.name);
