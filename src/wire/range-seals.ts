// A range whose blocks are proved one by one: what stands behind each of them, written and read. Knows no files and no sockets.

import { BLOCK_BYTES, BLOCK_DIGEST_BYTES } from '../digest/digest.js';
import type { FileTrouble } from '../digest/digest-files.js';
import type { Xxh64 } from '../digest/kernels/xxh64.js';
import { printable } from '../errors.js';
import {
  badFrames,
  blocksOf,
  END_OF,
  FRAME_HEAD_BYTES,
  type FrameEnd,
  type FrameReader,
  MAX_MESSAGE_BYTES,
  otherLength,
  readFrameHead,
  type TrailerStatus,
} from './frames.js';

/**
 * With the answer to a range of which seals were asked for; an agent that knows none answers with a trailer. Its value is the file's ctime
 * as it was opened, in nanoseconds since the epoch.
 */
export const SEALS_HEADER = 'lm-seals';

/**
 * Behind each MiB of a range, counted from its beginning, and behind the shorter rest: a status as in a trailer, of the file just after
 * the block was read, and the block's XXH64. The last seal's status is the range's, and once it is neither `asPromised` nor `young` it
 * stays: what comes from there on may be zeros.
 */
export const SEAL_BYTES = 1 + BLOCK_DIGEST_BYTES;

export const sealsBytes = (length: number): number => blocksOf(length) * SEAL_BYTES;

export function writeSeal(status: TrailerStatus, digest: Uint8Array): Uint8Array {
  const seal = new Uint8Array(SEAL_BYTES);
  seal[0] = status;
  seal.set(digest, 1);
  return seal;
}

/** What a reader tells of a range. Positions are bytes from its beginning. */
export interface SealedSink {
  /** There are no bytes; nothing follows. */
  refused(result: FileTrouble, message: string): void;
  /** `chunk` is valid during the call only. */
  bytes(chunk: Uint8Array, position: number): void;
  /** All up to `position` is the source's. `young`: the file was, when the last block of it was read. */
  proved(position: number, young: boolean): void;
  /** `damaged` as soon as a block does not fit its seal: nothing may be pushed after it. */
  end(end: FrameEnd): void;
}

/** Reads one sealed range of `length` bytes, from chunks cut anywhere, without copying file bytes, and hashes what arrives. */
export function createSealedReader(length: number, sink: SealedSink, hash: Xxh64): FrameReader {
  let state: 'head' | 'message' | 'bytes' | 'seal' | 'over' = 'head';
  let position = 0;
  let refusal: FileTrouble | undefined;
  let trouble: FrameEnd | undefined;
  let wasYoung = false;
  const piece = Buffer.allocUnsafe(MAX_MESSAGE_BYTES);
  let collected = 0;
  let due = FRAME_HEAD_BYTES;
  hash.reset();

  function push(chunk: Uint8Array): void {
    for (let at = 0; at < chunk.length; ) {
      if (state === 'over') throw badFrames('bytes behind the last frame');
      if (state === 'bytes') at = readBytes(chunk, at);
      else {
        while (collected < due && at < chunk.length) piece[collected++] = chunk[at++]!;
        if (collected === due) endPiece();
      }
    }
  }

  function expect(next: typeof state, bytes = 0): void {
    state = next;
    collected = 0;
    due = bytes;
    if (state === 'message' && due === 0) endPiece();
  }

  function endPiece(): void {
    if (state === 'head') endHead(readFrameHead(piece));
    else if (state === 'seal') endSeal(END_OF.get(piece[0]!), hash.digest());
    else {
      const message = printable(piece.toString('utf8', 0, due));
      expect('over');
      sink.refused(refusal!, message);
    }
  }

  function endHead(head: ReturnType<typeof readFrameHead>): void {
    if ('result' in head) {
      refusal = head.result;
      return expect('message', head.messageBytes);
    }
    if (head.length !== length) throw otherLength(head.length, length);
    expect('bytes');
  }

  function readBytes(chunk: Uint8Array, from: number): number {
    const inBlock = Math.min(length - position, BLOCK_BYTES - (position % BLOCK_BYTES));
    const bytes = chunk.subarray(from, from + inBlock);
    sink.bytes(bytes, position);
    hash.update(bytes);
    position += bytes.length;
    if (bytes.length === inBlock) expect('seal', SEAL_BYTES);
    return from + bytes.length;
  }

  function endSeal(end: FrameEnd | undefined, digest: Uint8Array): void {
    const fits = end !== undefined && Buffer.compare(digest, piece.subarray(1, SEAL_BYTES)) === 0;
    if (!fits && !trouble) {
      expect('over');
      return sink.end('damaged');
    }
    if (end === 'changed' || end === 'failed') trouble ??= end;
    if (!trouble) {
      wasYoung ||= end === 'young';
      sink.proved(position, end === 'young');
    }
    if (position < length) return expect('bytes');
    expect('over');
    sink.end(trouble ?? (wasYoung ? 'young' : 'as-promised'));
  }

  return { push, done: () => state === 'over' };
}

/** A block as the source has it; `digest` is its XXH64. */
export interface Seal {
  end: FrameEnd;
  digest: Uint8Array;
}

/** The answer to a range of which the seals alone were asked for. Throws `protocol` for anything else. */
export function readSeals(body: Buffer, length: number): Seal[] | { result: FileTrouble; message: string } {
  if (body.length < FRAME_HEAD_BYTES) throw badFrames('half a head');
  const head = readFrameHead(body);
  const rest = body.subarray(FRAME_HEAD_BYTES);
  if ('result' in head) {
    if (rest.length !== head.messageBytes) throw badFrames(`a message of ${rest.length} bytes`);
    return { result: head.result, message: printable(rest.toString()) };
  }
  if (head.length !== length) throw otherLength(head.length, length);
  if (rest.length !== sealsBytes(length)) throw badFrames(`${rest.length} bytes of seals`);
  return Array.from({ length: blocksOf(length) }, (_, i) => {
    const seal = rest.subarray(i * SEAL_BYTES, (i + 1) * SEAL_BYTES);
    return { end: END_OF.get(seal[0]!) ?? 'damaged', digest: seal.subarray(1) };
  });
}
