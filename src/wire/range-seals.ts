// The format of a sealed range, which has a checksum behind each block: writes the seals, and reads and verifies the range.

import { zeroBlockHash } from '../digest/block-hashes.js';
import { BLOCK_BYTES, BLOCK_DIGEST_BYTES } from '../digest/digest.js';
import type { Xxh64 } from '../digest/kernels/xxh64.js';
import type { FileFailure } from '../digest/listed-file.js';
import { printable } from '../errors.js';
import {
  badFrames,
  blocksOf,
  END_OF,
  FRAME_HEAD_BYTES,
  type FrameEnd,
  type FrameReader,
  MAX_MESSAGE_BYTES,
  readFrameHead,
  type TrailerStatus,
  unexpectedLength,
} from './frames.js';

/**
 * A header of the answer to a range with `seals`; without it an older agent has sent a trailer. Its value is the file's ctime when it was
 * opened, in nanoseconds since the epoch.
 */
export const SEALS_HEADER = 'lm-seals';

/**
 * A header of every answer to a range: where the range begins that the agent was asked for. The request has no checksum, and another range
 * would match its seals. An older agent sends none.
 */
export const OFFSET_HEADER = 'lm-offset';

/**
 * A seal comes behind each MiB of a range, counted from its beginning, and behind the shorter rest: a status as in a trailer, of the file
 * just after the block was read, and the block's XXH64. The status of the last seal is that of the range. Once a status is neither
 * `asPromised` nor `young` it stays: the bytes from there on may be zeros.
 */
export const SEAL_BYTES = 1 + BLOCK_DIGEST_BYTES;

/**
 * In a sparse range a kind comes before each block: after `hole` no bytes follow, only the seal, which is that of as many zeros. The frame's
 * head states how long the range is: at most as long as requested, and whole blocks if it is shorter. No hash covers a kind, but the seal
 * is no longer where it was, or not that of the bytes, when one becomes the other.
 */
export const BLOCK_KIND = { bytes: 0x0f, hole: 0x33 } as const;

export const sealsBytes = (length: number): number => blocksOf(length) * SEAL_BYTES;

export function writeSeal(status: TrailerStatus, digest: Uint8Array): Uint8Array {
  const seal = new Uint8Array(SEAL_BYTES);
  seal[0] = status;
  seal.set(digest, 1);
  return seal;
}

/** The seals of a hole from `start` to `end`, one behind the other; before each comes its kind in a sparse range. */
export function sealsOfHole(start: number, end: number, status: TrailerStatus, kind?: 'with-kinds'): Uint8Array {
  const seals: Uint8Array[] = [];
  for (let at = start; at < end; at += BLOCK_BYTES) {
    if (kind) seals.push(Uint8Array.of(BLOCK_KIND.hole));
    seals.push(writeSeal(status, zeroBlockHash(Math.min(BLOCK_BYTES, end - at))));
  }
  return Buffer.concat(seals);
}

/** Receives what a reader reads of a range. Positions are bytes from its beginning. */
export interface SealedSink {
  /** The answer has no bytes; no other call follows. */
  refused(result: FileFailure, message: string): void;
  /** `chunk` is valid during the call only. */
  bytes(chunk: Uint8Array, position: number): void;
  /** So many zeros, of a sparse range. */
  hole(bytes: number, position: number): void;
  /**
   * All bytes up to `position` are the source's. `young`: the file was young when the last of these blocks was read. `digest`: that block's
   * XXH64, valid during the call only.
   */
  verified(position: number, young: boolean, digest: Uint8Array): void;
  /** `damaged` as soon as a block does not match its seal: nothing may be pushed after that. */
  end(end: FrameEnd): void;
}

/**
 * Reads one sealed range of `requested` bytes, from chunks cut anywhere, without copying file bytes, and hashes what arrives. With
 * `sparse` it was requested so.
 */
export function createSealedReader(requested: number, sink: SealedSink, hash: Xxh64, sparse = false): FrameReader {
  let length = requested;
  let state: 'head' | 'message' | 'kind' | 'bytes' | 'seal' | 'over' = 'head';
  /** Of the block being read, if it is a hole. */
  let hole = 0;
  let position = 0;
  let refusal: FileFailure | undefined;
  let failure: FrameEnd | undefined;
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
    else if (state === 'kind') endKind(piece[0]!);
    else if (state === 'seal') endSeal(END_OF.get(piece[0]!), hole > 0 ? zeroBlockHash(hole) : hash.digest());
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
    const isCut = sparse && head.length > 0 && head.length < requested && head.length % BLOCK_BYTES === 0;
    if (head.length !== requested && !isCut) throw unexpectedLength(head.length, requested);
    length = head.length;
    beginBlock();
  }

  function beginBlock(): void {
    hole = 0;
    if (sparse) expect('kind', 1);
    else expect('bytes');
  }

  function endKind(kind: number): void {
    if (kind === BLOCK_KIND.bytes) return expect('bytes');
    if (kind !== BLOCK_KIND.hole) {
      expect('over');
      return sink.end('damaged');
    }
    hole = Math.min(BLOCK_BYTES, length - position);
    sink.hole(hole, position);
    position += hole;
    expect('seal', SEAL_BYTES);
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
    const matches = end !== undefined && Buffer.compare(digest, piece.subarray(1, SEAL_BYTES)) === 0;
    if (!matches && !failure) {
      expect('over');
      return sink.end('damaged');
    }
    if (end === 'changed' || end === 'failed') failure ??= end;
    if (!failure) {
      wasYoung ||= end === 'young';
      sink.verified(position, end === 'young', digest);
    }
    if (position < length) return beginBlock();
    expect('over');
    sink.end(failure ?? (wasYoung ? 'young' : 'as-promised'));
  }

  return { push, done: () => state === 'over' };
}

/** The seal of one block at the source; `digest` is the block's XXH64. */
export interface Seal {
  end: FrameEnd;
  digest: Uint8Array;
}

/** Reads the answer to a range with `seals: 'alone'`. Throws `protocol` for anything else. */
export function readSeals(body: Buffer, length: number): Seal[] | { result: FileFailure; message: string } {
  if (body.length < FRAME_HEAD_BYTES) throw badFrames('half a head');
  const head = readFrameHead(body);
  const rest = body.subarray(FRAME_HEAD_BYTES);
  if ('result' in head) {
    if (rest.length !== head.messageBytes) throw badFrames(`a message of ${rest.length} bytes`);
    return { result: head.result, message: printable(rest.toString()) };
  }
  if (head.length !== length) throw unexpectedLength(head.length, length);
  if (rest.length !== sealsBytes(length)) throw badFrames(`${rest.length} bytes of seals`);
  return Array.from({ length: blocksOf(length) }, (_, i) => {
    const seal = rest.subarray(i * SEAL_BYTES, (i + 1) * SEAL_BYTES);
    return { end: END_OF.get(seal[0]!) ?? 'damaged', digest: seal.subarray(1) };
  });
}
