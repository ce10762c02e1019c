// A work unit → its frames, as a Reply whose length is known before its head is sent. Knows no gate and no rate.

import { closeSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { DirCache } from '../files/dirfd.js';
import { compileFilter, type FilterSpec } from '../files/filter.js';
import type { Roots } from '../files/roots.js';
import { createPool } from '../files/threads.js';
import {
  FRAMES_CONTENT_TYPE,
  type RangeRequest,
  readFetchRequest,
  TRAILER_STATUS,
  type TrailerStatus,
  trailerBytes,
  writeFrameHead,
} from '../wire/frames.js';
import type { Part } from '../wire/parts.js';
import { excludedHead, isAsListed, isDirExcluded, isFileExcluded, openListed } from './listed-file.js';
import type { Packed, PackJob, PackSetup } from './pack-thread.js';
import { readAhead } from './read-ahead.js';
import type { Reply } from './reply.js';

export interface Fetches {
  /** Throws `protocol` for a body that is no fetch request. */
  reply(body: Uint8Array): Promise<Reply>;
  close(): Promise<void>;
}

/** What a bundle of tiny files takes; a packer that needs more makes it, and that one is kept instead. */
const BUFFER_BYTES = 3 << 20;

/** New buffers are zeroed and make the garbage collector run (2.4 of 4 s of the agent's own thread at 200,000 files). */
const MOST_SPARE_BYTES = 96 << 20;
const MOST_PACKERS = 4;

export function createFetches(roots: Roots, filters: FilterSpec[]): Fetches {
  const excludes = compileFilter(...filters);
  const setup: PackSetup = { roots, filters };
  const packers = createPool<PackJob, Packed>(
    new URL('./pack-thread.js', import.meta.url),
    Math.min(MOST_PACKERS, availableParallelism()),
    setup,
  );
  const spare: ArrayBuffer[] = [];
  let spareBytes = 0;

  function takeSpare(): ArrayBuffer {
    const buffer = spare.pop();
    spareBytes -= buffer?.byteLength ?? 0;
    return buffer ?? new ArrayBuffer(BUFFER_BYTES);
  }

  async function bundle(body: Uint8Array): Promise<Reply> {
    const empty = takeSpare();
    const { buffer, bytes } = await packers.run({ body, buffer: empty }, [empty]);
    return framesReply(bytes, oneChunk(buffer, bytes));
  }

  async function* oneChunk(buffer: ArrayBuffer, bytes: number): AsyncGenerator<Uint8Array> {
    yield new Uint8Array(buffer, 0, bytes);
    if (spareBytes + buffer.byteLength > MOST_SPARE_BYTES) return;
    spare.push(buffer); // only when all of it has been sent
    spareBytes += buffer.byteLength;
  }

  function range(request: RangeRequest): Reply {
    const [dir, [part]] = request.dirs[0];
    const dirs = new DirCache(roots);
    try {
      const hidden = isDirExcluded(excludes, dir) || isFileExcluded(excludes, dir, part[0]);
      const fd = hidden ? excludedHead() : openListed(dirs, dir, part);
      if (typeof fd !== 'number') {
        const head = writeFrameHead(fd);
        return framesReply(head.length, [head]);
      }
      const head = writeFrameHead({ length: request.length });
      const bytes = head.length + request.length + trailerBytes(request.length);
      return { ...framesReply(bytes, rangeFrame(fd, head, request, part)), done: () => closeSync(fd) };
    } finally {
      dirs.close();
    }
  }

  return {
    reply: async (body) => (isRange(body) ? range(readFetchRequest(body) as RangeRequest) : bundle(body)),
    close: () => packers.close(),
  };
}

/** Told from the first line alone: a bundle is parsed where it is packed. */
function isRange(body: Uint8Array): boolean {
  const first = Buffer.from(body.subarray(0, Math.max(0, body.indexOf(NEWLINE)))).toString();
  try {
    return JSON.parse(first)?.kind === 'range';
  } catch {
    return false; // the packer says what is wrong with it
  }
}

const NEWLINE = 0x0a;

const framesReply = (bytes: number, body: AsyncIterable<Uint8Array> | Uint8Array[]): Reply => ({
  status: 200,
  headers: { 'content-type': FRAMES_CONTENT_TYPE, 'content-length': bytes },
  body: Array.isArray(body) ? each(body) : body,
});

async function* each(chunks: Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* chunks;
}

async function* rangeFrame(
  fd: number,
  head: Uint8Array,
  { offset, length }: RangeRequest,
  part: Part,
): AsyncGenerator<Uint8Array> {
  const trailer: Uint8Array[] = [];
  let status: TrailerStatus = TRAILER_STATUS.asPromised;
  yield head;
  yield* readAhead(fd, offset, offset + length, {
    onTrouble(trouble) {
      status = trouble === 'shrunk' ? TRAILER_STATUS.changed : TRAILER_STATUS.failed;
    },
    onBlock: (digest) => trailer.push(digest), // ranges begin on a block
  });
  if (status === TRAILER_STATUS.asPromised && !isAsListed(fd, part)) status = TRAILER_STATUS.changed;
  yield Buffer.concat([Buffer.from([status]), ...trailer]);
}
