// Replies to a /fetch request with the frames of its files. The length of the reply is known before its head is sent.

import { closeSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { printable } from '../../errors.js';
import { DirCache } from '../../files/dirfd.js';
import { joinKey } from '../../files/entry.js';
import type { Roots } from '../../files/roots.js';
import { createPacer, type Pace, type Pacer } from '../../pace/rate.js';
import { compileFilter, type FilterSpec } from '../../patterns/filter.js';
import { inTurns } from '../../threads/in-turns.js';
import { createPool } from '../../threads/threads.js';
import { MAX_HEAD_CHARACTERS, malformedRequest } from '../../wire/file-requests.js';
import {
  FRAMES_CONTENT_TYPE,
  type RangeRequest,
  readFetchRequest,
  writeFrameHead,
  YOUNG_HEADER,
} from '../../wire/frames.js';
import { PAGES_REQUEST_TYPE } from '../../wire/pages/pages-request.js';
import { OFFSET_HEADER, SEALS_HEADER } from '../../wire/range-seals.js';
import { createByteBudget, sharedBudget } from '../byte-budget.js';
import { busyReply } from '../gate.js';
import type { Notice } from '../notices.js';
import { andThen, type Reply } from '../reply.js';
import { changedHead, isAsListed, openListed, type RefusedHead, refusalOf } from './listed-file.js';
import type { Packed, PackJob, PackSetup } from './pack-thread.js';
import { type RangeFrame, rangeFrame } from './range-frame.js';
import { sparseFrame } from './sparse-frame.js';
import { misstatement } from './stated-size.js';

interface Fetches {
  /** `type`: the request's content type. Throws `protocol` for a body that is no fetch request. */
  reply(body: Uint8Array, type: string | undefined): Promise<Reply>;
  close(): Promise<void>;
}

/**
 * Limit of all bundles and pages that are being packed or sent; the reply beyond it is 503. The ten connections of an lm copy, which requests 8 MiB at
 * a time, take at most 90 MiB.
 */
const MAX_PACKED_BYTES = 128 << 20;

/** Limit of buffers kept for reuse: new ones are zeroed and make the garbage collector run (2.4 of 4 s of the agent's own thread at 200,000 files). */
const MAX_SPARE_BYTES = 96 << 20;

/** A larger buffer is not kept: its whole size would count in the budget for the small bundles that reuse it. */
const MAX_SPARE_BUFFER_BYTES = 9 << 20;
const MAX_PACKERS = 4;

/** The longest key and name, each character an escape of six, take less. */
const MAX_RANGE_REQUEST_BYTES = 64 << 10;

/** `paces`: for what is read and not sent. */
export function createFetches(roots: Roots, filters: FilterSpec[], notice: Notice, paces: readonly Pace[]): Fetches {
  const pacer = createPacer(paces);
  const excludes = compileFilter(...filters);
  const limit = { maxBytes: MAX_PACKED_BYTES, shared: sharedBudget() };
  const budget = createByteBudget(limit.maxBytes, limit.shared);
  const setup: PackSetup = { roots, filters, budget: limit };
  const packers = createPool<PackJob, Packed>(
    new URL('./pack-thread.js', import.meta.url),
    Math.min(MAX_PACKERS, availableParallelism()),
    setup,
  );
  const spare: ArrayBuffer[] = [];
  let spareBytes = 0;

  async function packed(body: Uint8Array, of: PackJob['of']): Promise<Reply> {
    const reused = spare.pop();
    spareBytes -= reused?.byteLength ?? 0;
    const packed = await packers.run({ body, of, buffer: reused }, reused && [reused]);
    if (!packed) return busyReply();
    const { buffer, bytes, files = 0, failed, ctimeNs } = packed;
    if (failed)
      notice(
        'unread',
        `cannot read ${printable(failed.key)}: ${failed.message}${failed.files > 1 ? `, and ${failed.files - 1} more` : ''}`,
      );
    const held = buffer.byteLength;
    const headers: Record<string, string> = ctimeNs === undefined ? {} : { [SEALS_HEADER]: ctimeNs };
    const reply = { ...framesReply(bytes, oneChunk(buffer, bytes), headers), holds: { files } };
    return andThen(reply, () => budget.giveBack(held));
  }

  async function* oneChunk(buffer: ArrayBuffer, bytes: number): AsyncGenerator<Uint8Array> {
    yield new Uint8Array(buffer, 0, bytes);
    if (buffer.byteLength > MAX_SPARE_BUFFER_BYTES || spareBytes + buffer.byteLength > MAX_SPARE_BYTES) return;
    spare.push(buffer); // reached only when all of it has been sent
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
    const { bytes, headers, body } = await frameOf(fd, request, failed, pacer);
    return {
      ...framesReply(bytes, body, { ...headers, [OFFSET_HEADER]: `${request.offset}` }),
      holds: { files: isLastRange(request) ? 1 : 0 },
      done: () => closeSync(fd),
    };
  }

  function noteRange({ dirs: [[dir, [file]]] }: RangeRequest, { result, message }: RefusedHead): void {
    if (result === 'failed') notice('unread', `cannot read ${printable(joinKey(dir, file[0]))}: ${message}`);
  }

  async function open({ dirs: [[dir, [file]]], torn, offset, length }: RangeRequest): Promise<number | RefusedHead> {
    const dirs = new DirCache(roots, excludes);
    try {
      await inTurns(dirs.levels(dir));
      return openListed(dirs, dir, file, torn && offset + length);
    } catch (error) {
      return refusalOf(error);
    } finally {
      dirs.close();
    }
  }

  return {
    reply: async (body, type) => {
      if (type === PAGES_REQUEST_TYPE) return packed(body, 'pages');
      return isRange(body) ? range(readRangeRequest(body)) : packed(body, 'bundle');
    },
    close: () => packers.close(),
  };
}

/** Closes the file where it throws. */
async function frameOf(
  fd: number,
  request: RangeRequest,
  failed: (message: string) => void,
  pacer: Pacer,
): Promise<RangeFrame> {
  try {
    return request.seals === 'sparse' ? await sparseFrame(fd, request, failed) : rangeFrame(fd, request, failed, pacer);
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

/** Checks that the file ends where its last range ends; undefined when it does, or for any other range. Closes a file that it refuses. */
async function misstatedIn(fd: number, request: RangeRequest): Promise<RefusedHead | undefined> {
  if (!isLastRange(request)) return undefined;
  const { dirs, torn } = request;
  const [, [file]] = dirs[0];
  const size = Number(file[1]);
  let refused: RefusedHead | undefined;
  try {
    const message = await misstatement(fd, size);
    if (message !== undefined && isAsListed(fd, file)) refused = { result: 'failed', message };
    else if (message !== undefined && !torn) refused = changedHead();
  } catch (error) {
    refused = refusalOf(error);
  }
  if (refused) closeSync(fd);
  return refused;
}

function isLastRange({ offset, length, dirs: [[, [file]]] }: RangeRequest): boolean {
  return offset + length >= Number(file[1]);
}

/** Reads the first line alone: a bundle is parsed in the thread that packs it. */
function isRange(body: Uint8Array): boolean {
  const start = Buffer.from(body.subarray(0, MAX_HEAD_CHARACTERS));
  const first = start.subarray(0, Math.max(0, start.indexOf(NEWLINE))).toString();
  try {
    return JSON.parse(first)?.kind === 'range';
  } catch {
    return false; // the packer throws what is wrong with it
  }
}

const NEWLINE = 0x0a;

/** Parses in this thread, and so nothing longer than a request for one file can be. */
function readRangeRequest(body: Uint8Array): RangeRequest {
  if (body.length > MAX_RANGE_REQUEST_BYTES)
    throw malformedRequest(`a range of ${body.length} bytes, at most ${MAX_RANGE_REQUEST_BYTES} name its one file`);
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
