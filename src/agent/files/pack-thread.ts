// Worker thread that packs bundles, and pages that differ. It transfers the buffer that it fills to the agent's own thread.

import { workerData } from 'node:worker_threads';
import { createXxh64 } from '../../digest/kernels/xxh64.js';
import type { Roots } from '../../files/roots.js';
import { compileFilter, type FilterSpec } from '../../patterns/filter.js';
import { serveJobs, transferring } from '../../threads/threads.js';
import { malformedRequest } from '../../wire/file-requests.js';
import { readFetchRequest } from '../../wire/frames.js';
import { createByteBudget } from '../byte-budget.js';
import { type FailedFiles, type Packer, pack, packedBytes } from './pack.js';
import { packedPagesBytes, packPages, readPagesJob } from './pack-pages.js';

export interface PackSetup {
  roots: Roots;
  filters: FilterSpec[];
  budget: { maxBytes: number; shared: SharedArrayBuffer };
}

/** `body` is the request as it came: to parse 8,192 files would hold up the agent's own thread. */
export interface PackJob {
  body: Uint8Array;
  of: 'bundle' | 'pages';
  /** Reused, if it is large enough. */
  buffer: ArrayBuffer | undefined;
}

/** The size of `buffer` has been taken from the budget. Undefined, with nothing taken, where less was left. */
export type Packed = ({ buffer: ArrayBuffer } & PackedReply) | undefined;

interface PackedReply {
  bytes: number;
  /** Files that are whole in it; of pages there are none. */
  files?: number;
  failed: FailedFiles | undefined;
  /** That of the file whose pages these are. */
  ctimeNs?: string | undefined;
}

/** A bundle of tiny files takes as much, so that its buffer is large enough for the next one. */
const MIN_BYTES = 3 << 20;

const { roots, filters, budget: limit } = workerData as PackSetup;
const packer: Packer = { roots, excludes: compileFilter(...filters), hash: createXxh64() };
const budget = createByteBudget(limit.maxBytes, limit.shared);

serveJobs<PackJob, Packed>(({ body, of, buffer }) => {
  const { needed, packInto } = of === 'pages' ? pagesOf(body) : bundleOf(body);
  const reused = buffer && buffer.byteLength >= needed ? buffer : undefined;
  const held = reused?.byteLength ?? Math.max(needed, MIN_BYTES);
  if (!budget.take(held)) return undefined;
  try {
    const room = reused ?? new ArrayBuffer(held);
    return transferring({ buffer: room, ...packInto(Buffer.from(room)) }, [room]);
  } catch (error) {
    budget.giveBack(held);
    throw error;
  }
});

interface Work {
  /** The bytes that it takes at most. */
  needed: number;
  packInto(buffer: Buffer): PackedReply;
}

function bundleOf(body: Uint8Array): Work {
  const request = readFetchRequest(body);
  if (request.kind !== 'bundle') throw malformedRequest('no bundle');
  return { needed: packedBytes(request), packInto: (buffer) => pack(request, buffer, packer) };
}

function pagesOf(body: Uint8Array): Work {
  const job = readPagesJob(body, packer.hash);
  return { needed: packedPagesBytes(job), packInto: (buffer) => packPages(job, buffer, packer) };
}
