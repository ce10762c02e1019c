// Writes down what is proved of ranges while they are under way, now and then, and when a range ends, however it ends.

import { joinKey } from '../files/entry.js';
import { createProved, readProved } from './lane/proved-range.js';
import type { LaneResult } from './lane-jobs.js';
import { type BigFile, isOtherState, type Range } from './parts.js';
import type { TransferContext } from './transfer-context.js';

export interface RangeRecords {
  /** Does the work with memory in which the lane notes what is proved. Throws `local` when that cannot be written down. */
  during(file: BigFile, range: Range, work: (proved: SharedArrayBuffer) => Promise<LaneResult>): Promise<LaneResult>;
  close(): void;
}

/**
 * What a killed process had no time to write down the kernel has all the same, and it is compared by hash. Every second would make a
 * journal of 200 MB a day with ten connections; a request is for about as long as this.
 */
const RECORD_MS = 5_000;

interface UnderWay {
  file: BigFile;
  offset: number;
  proved: SharedArrayBuffer;
  recordedBytes: number;
}

export function createRangeRecords({
  journal,
  young,
  abort,
}: Pick<TransferContext, 'journal' | 'young' | 'abort'>): RangeRecords {
  const underWay = new Set<UnderWay>();

  function record(range: UnderWay): void {
    const proved = readProved(range.proved);
    if (!proved || proved.bytes === range.recordedBytes) return;
    const { bytes, ...told } = proved;
    const { dir, entry } = range.file;
    const more = { offset: range.offset + range.recordedBytes, length: bytes - range.recordedBytes };
    const isOther = isOtherState(range.file, told);
    if (told.young || isOther) young.add([{ dir, entry }]); // first, so that no later run takes its times for a proof
    journal.rangeDone(joinKey(dir, entry.name), more, told);
    range.recordedBytes = bytes;
  }

  const timer = setInterval(() => {
    try {
      for (const range of underWay) record(range);
    } catch (error) {
      abort(error as Error);
    }
  }, RECORD_MS);

  return {
    async during(file, { offset, length }, work) {
      const { dir, entry } = file;
      const key = joinKey(dir, entry.name);
      const range: UnderWay = { file, offset, proved: createProved(), recordedBytes: 0 };
      journal.rangeBegun(key, { offset, length });
      underWay.add(range);
      try {
        const result = await work(range.proved);
        if (result.young.length > 0) young.add(result.young);
        if (result.settled > 0 && !readProved(range.proved)) journal.rangeDone(key, { offset, length: result.settled }); // an agent that seals no blocks
        return result;
      } finally {
        underWay.delete(range);
        record(range);
      }
    },
    close: () => clearInterval(timer),
  };
}
