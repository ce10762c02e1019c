// Worker thread that packs bundles. The buffer it fills comes with the job and goes back with the answer.

import { workerData } from 'node:worker_threads';
import { compileFilter, type FilterSpec } from '../files/filter.js';
import type { Roots } from '../files/roots.js';
import { serveJobs, transferring } from '../files/threads.js';
import { createXxh64 } from '../files/xxh64.js';
import { readFetchRequest } from '../wire/frames.js';
import { malformed } from '../wire/parts.js';
import { type Packer, pack, packedBytes } from './pack.js';

export interface PackSetup {
  roots: Roots;
  filters: FilterSpec[];
}

/** `body` is the request as it came: parsing 8,192 parts would hold up the agent's own thread. */
export interface PackJob {
  body: Uint8Array;
  buffer: ArrayBuffer;
}

/** `buffer` is the job's, or a larger one. */
export interface Packed {
  buffer: ArrayBuffer;
  bytes: number;
}

const { roots, filters } = workerData as PackSetup;
const packer: Packer = { roots, excludes: compileFilter(...filters), hash: createXxh64() };

serveJobs<PackJob, Packed>(({ body, buffer }) => {
  const request = readFetchRequest(body);
  if (request.kind !== 'bundle') throw malformed('no bundle');
  const needed = packedBytes(request);
  const room = buffer.byteLength >= needed ? buffer : new ArrayBuffer(needed);
  const bytes = pack(request, Buffer.from(room), packer);
  return transferring({ buffer: room, bytes }, [room]);
});
