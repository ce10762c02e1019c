// Worker thread that packs bundles. The buffer it fills goes away with the answer.

import { workerData } from 'node:worker_threads';
import { createXxh64 } from '../../digest/kernels/xxh64.js';
import type { Roots } from '../../files/roots.js';
import { compileFilter, type FilterSpec } from '../../patterns/filter.js';
import { serveJobs, transferring } from '../../threads/threads.js';
import { readFetchRequest } from '../../wire/frames.js';
import { malformed } from '../../wire/parts.js';
import { createByteBudget } from '../byte-budget.js';
import { type Failed, type Packer, pack, packedBytes } from './pack.js';

export interface PackSetup {
  roots: Roots;
  filters: FilterSpec[];
  budget: { most: number; shared: SharedArrayBuffer };
}

/** `body` is the request as it came: parsing 8,192 parts would hold up the agent's own thread. */
export interface PackJob {
  body: Uint8Array;
  /** To be used again, if it is large enough. */
  buffer: ArrayBuffer | undefined;
}

/** All of `buffer` has been taken from the budget; nothing, where there was not that much left. */
export type Packed = { buffer: ArrayBuffer; bytes: number; failed: Failed | undefined } | undefined;

/** What a bundle of tiny files takes, so that its buffer will do for the next one. */
const LEAST_BYTES = 3 << 20;

const { roots, filters, budget: limit } = workerData as PackSetup;
const packer: Packer = { roots, excludes: compileFilter(...filters), hash: createXxh64() };
const budget = createByteBudget(limit.most, limit.shared);

serveJobs<PackJob, Packed>(({ body, buffer }) => {
  const request = readFetchRequest(body);
  if (request.kind !== 'bundle') throw malformed('no bundle');
  const needed = packedBytes(request);
  const reused = buffer && buffer.byteLength >= needed ? buffer : undefined;
  const held = reused?.byteLength ?? Math.max(needed, LEAST_BYTES);
  if (!budget.take(held)) return undefined;
  try {
    const room = reused ?? new ArrayBuffer(held);
    const { bytes, failed } = pack(request, Buffer.from(room), packer);
    return transferring({ buffer: room, bytes, failed }, [room]);
  } catch (error) {
    budget.give(held);
    throw error;
  }
});
