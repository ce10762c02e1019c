// Patches blocks of a part, in a worker: requests the pages that differ from the source's, writes these alone, and proves each block by its
// seal. The main thread has made the part, and retries.

import { setImmediate as nextTurn } from 'node:timers/promises';
import { joinKey } from '../../files/entry.js';
import type { AnsweredBlock } from '../../wire/pages/pages-answer.js';
import {
  type BlockAt,
  blocksOfRuns,
  hashesBytes,
  PAGE_HASH_BYTES,
  pagesOf,
  putPageHashes,
} from '../../wire/pages/pages-request.js';
import type { Range } from '../part-journal.js';
import { type EqualRange, noResult, type WorkerJob, type WorkerResult } from '../worker-jobs.js';
import type { PagesSink } from './fetch.js';
import { addEqual, addRange, openPart, type RangeWorkOptions } from './ranges.js';

type PatchJob = Extract<WorkerJob, { kind: 'patch' }>;

/** What is proved counts, even if the answer is cut short. */
export async function patchBlocks(job: PatchJob, options: RangeWorkOptions): Promise<WorkerResult> {
  const { dir, entry, partId, runs, torn } = job;
  const { disk, fetcher, slots, arrived, discarded } = options;
  const file = { dir, entry, partId };
  const key = joinKey(dir, entry.name);
  const result = noResult();
  let answered: readonly AnsweredBlock[] = [];
  let ctime = '';
  let received = 0;
  const toRead = openPart(disk, file, 'to-read');
  try {
    const hashes = await hashesOf(toRead.fd, blocksOfRuns(runs, Number(entry.size)), options);
    const hasHoles = entry.allocated !== undefined;
    const part = openPart(disk, file, hasHoles ? 'to-read-and-write' : 'to-write');
    const sparse = hasHoles ? disk.sparsePart(part.fd, key) : undefined;
    const sink: PagesSink = {
      blocks(blocks, ctimeNs) {
        answered = blocks;
        ctime = ctimeNs;
      },
      bytes(chunk, position) {
        slots.stopIfAsked();
        if (sparse) sparse.write(chunk, position);
        else disk.write(part.fd, chunk, position, key);
        received += chunk.length;
        arrived(chunk.length);
      },
      problem: (_, kind, message, side) =>
        void result.problems.push({ key, result: kind, message, ...(side && { side }) }),
    };
    try {
      result.fault = await slots.use((slot) => fetcher.pages!(slot, file, { runs, hashes, torn }, sink));
    } finally {
      disk.close(part.fd, key);
    }
    await prove(toRead.fd, arrivedOf(answered, received), ctime, result, options);
    return result;
  } finally {
    discarded(received - result.received);
    disk.close(toRead.fd, key);
  }
}

/** Pages that cannot be read have hashes of zeros, and so are sent. */
async function hashesOf(
  fd: number,
  blocks: readonly BlockAt[],
  { reader, slots }: RangeWorkOptions,
): Promise<Uint8Array> {
  const hashes = new Uint8Array(hashesBytes(blocks));
  let at = 0;
  for (const block of blocks) {
    slots.stopIfAsked();
    await nextTurn(); // other jobs of this worker then wait for one block only
    const bytes = reader.read(fd, block.offset, block.length);
    reader.hash.reset();
    if (bytes) putPageHashes(bytes, reader.hash, hashes, at);
    at += pagesOf(block) * PAGE_HASH_BYTES;
  }
  return hashes;
}

/** The blocks of which all pages have come. */
function arrivedOf(blocks: readonly AnsweredBlock[], received: number): AnsweredBlock[] {
  let end = 0;
  return blocks.filter((block) => {
    end += block.received;
    return end <= received;
  });
}

/** Reads what is in the part now: that is what will be published. */
async function prove(
  fd: number,
  blocks: readonly AnsweredBlock[],
  ctimeNs: string,
  result: WorkerResult,
  { reader, slots }: RangeWorkOptions,
): Promise<void> {
  const [equal, differing, same]: [EqualRange[], Range[], Range[]] = [[], [], []];
  for (const { offset, length, end, digest, received } of blocks) {
    slots.stopIfAsked();
    await nextTurn();
    const here = reader.read(fd, offset, length);
    const isSame = here !== undefined && Buffer.compare(reader.digest(here), digest) === 0;
    if (isSame && (end === 'as-promised' || end === 'young')) {
      addEqual(equal, { offset, length, ctimeNs, young: end === 'young', blocks: digest });
      result.received += received;
    } else if (isSame && end === 'changed') same.push({ offset, length });
    else addRange(differing, { offset, length });
  }
  const isTorn = blocks.some(({ end }) => end === 'changed');
  const torn = blocks.reduce((sum, { length }) => sum + length, 0);
  Object.assign(result, { equal, differing, ...(isTorn && { torn, same }) });
}
