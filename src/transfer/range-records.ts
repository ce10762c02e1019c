// Records in the journal what is proved of ranges: every few seconds while they are under way, and when they end.

import { BLOCK_DIGEST_BYTES } from '../digest/digest.js';
import { joinKey } from '../files/entry.js';
import { blocksOf } from '../wire/frames.js';
import type { Range } from './part-journal.js';
import { type BigFile, noteBlocks } from './parts.js';
import type { TransferContext } from './transfer-context.js';
import { createProved, readProved } from './worker/proved-range.js';
import type { WorkerResult } from './worker-jobs.js';

interface RangeRecords {
  /** Runs `work` with shared memory in which the worker notes what is proved. Throws `local` when the journal cannot be written. */
  during(
    file: BigFile,
    range: Range,
    work: (proved: SharedArrayBuffer) => Promise<WorkerResult>,
  ): Promise<WorkerResult>;
  close(): void;
}

/**
 * Bytes that a killed process did not record are written all the same; the next run compares them by hash. Recording every second would make
 * a journal of 200 MB a day with ten connections. A request takes about this long.
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
    const { bytes, ctimeNs } = proved;
    const { file, recordedBytes } = range;
    const { dir, entry } = file;
    const more = { offset: range.offset + recordedBytes, length: bytes - recordedBytes };
    const state = {
      ctimeNs,
      young: proved.young,
      blocks: proved.blocks.subarray(blocksOf(recordedBytes) * BLOCK_DIGEST_BYTES),
    };
    if (state.young) young.add([{ dir, entry }]); // first, so that no later run relies on its times
    journal.rangeDone(joinKey(dir, entry.name), more, state);
    noteBlocks(file, more.offset, state);
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
      const range: UnderWay = { file, offset, proved: createProved(length), recordedBytes: 0 };
      journal.rangeBegun(key, { offset, length });
      underWay.add(range);
      try {
        const result = await work(range.proved);
        if (result.young.length > 0) young.add(result.young);
        if (result.finished > 0 && !readProved(range.proved)) {
          file.blocks?.unsealed();
          journal.rangeDone(key, { offset, length: result.finished });
        }
        return result;
      } finally {
        underWay.delete(range);
        record(range);
      }
    },
    close: () => clearInterval(timer),
  };
}
