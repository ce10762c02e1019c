// A work unit → its frames, as a Reply whose length is known before its head is sent. Knows no gate and no rate.

import { closeSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { printable } from '../../errors.js';
import { DirCache } from '../../files/dirfd.js';
import { joinKey } from '../../files/entry.js';
import type { Roots } from '../../files/roots.js';
import { compileFilter, type FilterSpec } from '../../patterns/filter.js';
import { inTurns } from '../../threads/in-turns.js';
import { createPool } from '../../threads/threads.js';
import {
  FRAMES_CONTENT_TYPE,
  type RangeRequest,
  readFetchRequest,
  writeFrameHead,
  YOUNG_HEADER,
} from '../../wire/frames.js';
import { malformed } from '../../wire/parts.js';
import { createByteBudget, sharedBudget } from '../byte-budget.js';
import { busyReply } from '../gate.js';
import type { Notice } from '../notices.js';
import { andThen, type Reply } from '../reply.js';
import { changedHead, isAsListed, openListed, type RefusedHead, refusalOf } from './listed-file.js';
import type { Packed, PackJob, PackSetup } from './pack-thread.js';
import { rangeFrame } from './range-frame.js';
import { misstatement } from './stated-size.js';

export interface Fetches {
  /** Throws `protocol` for a body that is no fetch request. */
  reply(body: Uint8Array): Promise<Reply>;
  close(): Promise<void>;
}

/**
 * Of all bundles that are being packed or sent; beyond it the answer is 503. The ten connections of an lm copy, which asks for 8 MiB at
 * once, take 90 MiB at the most.
 */
const MOST_BUNDLE_BYTES = 128 << 20;

/** New buffers are zeroed and make the garbage collector run (2.4 of 4 s of the agent's own thread at 200,000 files). */
const MOST_SPARE_BYTES = 96 << 20;

/** A larger one would count as such for the small bundles it is used for. */
const LARGEST_SPARE_BYTES = 9 << 20;
const MOST_PACKERS = 4;

/** The longest key and name, each character an escape of six, are less. */
const MOST_RANGE_REQUEST_BYTES = 64 << 10;

export function createFetches(roots: Roots, filters: FilterSpec[], notice: Notice): Fetches {
  const excludes = compileFilter(...filters);
  const limit = { most: MOST_BUNDLE_BYTES, shared: sharedBudget() };
  const budget = createByteBudget(limit.most, limit.shared);
  const setup: PackSetup = { roots, filters, budget: limit };
  const packers = createPool<PackJob, Packed>(
    new URL('./pack-thread.js', import.meta.url),
    Math.min(MOST_PACKERS, availableParallelism()),
    setup,
  );
  const spare: ArrayBuffer[] = [];
  let spareBytes = 0;

  async function bundle(body: Uint8Array): Promise<Reply> {
    const reused = spare.pop();
    spareBytes -= reused?.byteLength ?? 0;
    const packed = await packers.run({ body, buffer: reused }, reused && [reused]);
    if (!packed) return busyReply();
    const { buffer, bytes, failed } = packed;
    if (failed)
      notice(
        'unread',
        `cannot read ${printable(failed.key)}: ${failed.message}${failed.files > 1 ? `, and ${failed.files - 1} more` : ''}`,
      );
    const held = buffer.byteLength;
    return andThen(framesReply(bytes, oneChunk(buffer, bytes)), () => budget.give(held));
  }

  async function* oneChunk(buffer: ArrayBuffer, bytes: number): AsyncGenerator<Uint8Array> {
    yield new Uint8Array(buffer, 0, bytes);
    if (buffer.byteLength > LARGEST_SPARE_BYTES || spareBytes + buffer.byteLength > MOST_SPARE_BYTES) return;
    spare.push(buffer); // only when all of it has been sent
    spareBytes += buffer.byteLength;
  }

  async function range(request: RangeRequest): Promise<Reply> {
    const fd = await open(request);
    const refused = typeof fd === 'number' ? await misstatedIn(fd, request) : fd;
    if (refused || typeof fd !== 'number') {
      noteRange(request, refused as RefusedHead);
      const head = writeFrameHead(refused as RefusedHead);
      return framesReply(head.length, [head]);
    }
    const failed = (message: string): void => noteRange(request, { result: 'failed', message });
    const { bytes, headers, body } = rangeFrame(fd, request, failed);
    return { ...framesReply(bytes, body, headers), done: () => closeSync(fd) };
  }

  function noteRange({ dirs: [[dir, [part]]] }: RangeRequest, { result, message }: RefusedHead): void {
    if (result === 'failed') notice('unread', `cannot read ${printable(joinKey(dir, part[0]))}: ${message}`);
  }

  async function open({ dirs: [[dir, [part]]] }: RangeRequest): Promise<number | RefusedHead> {
    const dirs = new DirCache(roots, excludes);
    try {
      await inTurns(dirs.levels(dir));
      return openListed(dirs, dir, part);
    } catch (error) {
      return refusalOf(error);
    } finally {
      dirs.close();
    }
  }

  return {
    reply: async (body) => (isRange(body) ? range(readRangeRequest(body)) : bundle(body)),
    close: () => packers.close(),
  };
}

/** Of the range a file ends with: whether it ends there. Closes what it refuses. */
async function misstatedIn(fd: number, { offset, length, dirs }: RangeRequest): Promise<RefusedHead | undefined> {
  const [, [part]] = dirs[0];
  const size = Number(part[1]);
  if (offset + length < size) return undefined;
  let refused: RefusedHead | undefined;
  try {
    const message = await misstatement(fd, size);
    if (message !== undefined) refused = isAsListed(fd, part) ? { result: 'failed', message } : changedHead();
  } catch (error) {
    refused = refusalOf(error);
  }
  if (refused) closeSync(fd);
  return refused;
}

/** Told from the first line alone: a bundle is parsed where it is packed. */
function isRange(body: Uint8Array): boolean {
  const start = Buffer.from(body.subarray(0, LONGEST_RANGE_HEAD));
  const first = start.subarray(0, Math.max(0, start.indexOf(NEWLINE))).toString();
  try {
    return JSON.parse(first)?.kind === 'range';
  } catch {
    return false; // the packer says what is wrong with it
  }
}

/** Of the first line, in bytes: three members and two numbers. */
const LONGEST_RANGE_HEAD = 1024;
const NEWLINE = 0x0a;

/** In this thread, so nothing but what can be one file. */
function readRangeRequest(body: Uint8Array): RangeRequest {
  if (body.length > MOST_RANGE_REQUEST_BYTES)
    throw malformed(`a range of ${body.length} bytes, at most ${MOST_RANGE_REQUEST_BYTES} name its one file`);
  return readFetchRequest(body) as RangeRequest;
}

const framesReply = (
  bytes: number,
  body: AsyncIterable<Uint8Array> | Uint8Array[],
  headers: Record<string, string> = {},
): Reply => ({
  status: 200,
  headers: { 'content-type': FRAMES_CONTENT_TYPE, 'content-length': bytes, [YOUNG_HEADER]: '1', ...headers },
  body: Array.isArray(body) ? each(body) : body,
});

async function* each(chunks: Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* chunks;
}
