// A work unit and the frames that answer it, written and read. Knows no files, no sockets and no HTTP.

import { BLOCK_BYTES, BLOCK_DIGEST_BYTES } from '../digest/digest.js';
import type { FileTrouble } from '../digest/digest-files.js';
import type { Xxh64 } from '../digest/kernels/xxh64.js';
import { LmError, printable } from '../errors.js';
import { malformed, type Part, type PartsOfDir, readParts, writeParts } from './parts.js';

export const FRAMES_CONTENT_TYPE = 'application/x-lm-frames';

export const MAX_BUNDLE_BYTES = 16 << 20;
export const MAX_RANGE_BYTES = 64 << 20;

/** With every answer of an agent that tells young files apart when it is asked to. */
export const YOUNG_HEADER = 'lm-tells-young';

const SEALS_ASKED = ['behind-blocks', 'alone'] as const;
type SealsAsked = (typeof SEALS_ASKED)[number];

interface Asked {
  /** Whether a part that was young when it was read may end so: a client that does not ask would take that for damage. */
  young?: true;
}

/** Small files, whole. */
export interface BundleRequest extends Asked {
  kind: 'bundle';
  dirs: PartsOfDir[];
}

/** A slice of one file. `offset` is a multiple of 1 MiB, and `offset + length` lies within the listed size. */
export interface RangeRequest extends Asked {
  kind: 'range';
  offset: number;
  length: number;
  /** A seal behind each block instead of a trailer (wire/range-seals.ts), or the seals without the bytes. An older agent sends a trailer. */
  seals?: SealsAsked;
  dirs: [[dir: string, parts: [Part]]];
}

export type FetchRequest = BundleRequest | RangeRequest;

export function writeFetchRequest(request: FetchRequest): Uint8Array {
  const { dirs, ...head } = request;
  return writeParts(head, dirs);
}

/** Throws `protocol` naming what is wrong; every limit above holds for what is returned. */
export function readFetchRequest(body: Uint8Array): FetchRequest {
  const { head, dirs } = readParts(body);
  const asked: Asked = head['young'] === true ? { young: true } : {};
  const seals = SEALS_ASKED.find((known) => known === head['seals']);
  if (head['kind'] === 'bundle') {
    const bytes = dirs.flatMap(([, parts]) => parts).reduce((sum, [, size]) => sum + Number(size), 0);
    if (bytes > MAX_BUNDLE_BYTES)
      throw malformed(`a bundle of ${bytes} bytes, at most ${MAX_BUNDLE_BYTES} are allowed`);
    return { kind: 'bundle', ...asked, dirs };
  }
  if (head['kind'] !== 'range') throw malformed('its kind is neither bundle nor range');
  if (dirs.length !== 1 || dirs[0]![1].length !== 1) throw malformed('a range has exactly one file');
  const { offset, length } = head as { offset: number; length: number };
  const size = Number(dirs[0]![1][0]![1]);
  if (!Number.isSafeInteger(offset) || offset < 0 || offset % BLOCK_BYTES !== 0)
    throw malformed(`the offset of a range is a multiple of ${BLOCK_BYTES}`);
  if (!Number.isSafeInteger(length) || length < 1 || length > MAX_RANGE_BYTES || offset + length > size)
    throw malformed(`the length of a range is 1 to ${MAX_RANGE_BYTES} and ends within the file`);
  return { kind: 'range', ...asked, offset, length, ...(seals && { seals }), dirs: dirs as RangeRequest['dirs'] };
}

/**
 * What a frame begins with: a byte for its kind and four for a length, little-endian. Of kind 0 so many bytes of the file follow,
 * and a trailer; of any other so many bytes of UTF-8 that say why there are none. Five bytes, because a line of JSON for each of
 * many small files took either end as long as the file itself.
 */
export type FrameHead = { length: number } | { result: FileTrouble; message: string };

export const FRAME_HEAD_BYTES = 5;
export const BYTES_FOLLOW = 0;
const REFUSALS: readonly (FileTrouble | undefined)[] = [undefined, 'changed', 'vanished', 'failed'];
export const MAX_MESSAGE_BYTES = 1024;

/** Writes a head into `buffer` and returns where it ends. */
export function putFrameHead(buffer: Buffer, at: number, head: FrameHead): number {
  if ('length' in head) {
    buffer[at] = BYTES_FOLLOW;
    return buffer.writeUInt32LE(head.length, at + 1);
  }
  const start = at + FRAME_HEAD_BYTES;
  const end = start + buffer.write(head.message, start, Math.min(MAX_MESSAGE_BYTES, buffer.length - start));
  buffer[at] = REFUSALS.indexOf(head.result);
  buffer.writeUInt32LE(end - at - FRAME_HEAD_BYTES, at + 1);
  return end;
}

/** The first five bytes of a frame, read: how many bytes of the file follow, or of the message that says why there are none. */
export function readFrameHead(piece: Buffer): { length: number } | { result: FileTrouble; messageBytes: number } {
  const [kind, length] = [piece[0]!, piece.readUInt32LE(1)];
  if (kind === BYTES_FOLLOW) return { length };
  const result = REFUSALS[kind];
  if (!result) throw badFrames(`a frame of the unknown kind ${kind}`);
  if (length > MAX_MESSAGE_BYTES) throw badFrames(`a message of ${length} bytes`);
  return { result, messageBytes: length };
}

export function writeFrameHead(head: FrameHead): Uint8Array {
  const buffer = Buffer.alloc(FRAME_HEAD_BYTES + MAX_MESSAGE_BYTES);
  return buffer.subarray(0, putFrameHead(buffer, 0, head));
}

/**
 * The first byte of a trailer. After anything but `asPromised` and `young` the bytes are worthless. Any two differ in four bits: no
 * hash covers this byte, and one flipped bit must not make a torn part whole, or a young one old.
 */
export const TRAILER_STATUS = { asPromised: 0x0f, changed: 0x33, failed: 0x55, young: 0x69 } as const;
export type TrailerStatus = (typeof TRAILER_STATUS)[keyof typeof TRAILER_STATUS];

export const blocksOf = (bytes: number): number => Math.ceil(bytes / BLOCK_BYTES);

/** Bytes of the trailer behind `length` bytes: the status, then the XXH64 of each block. */
export const trailerBytes = (length: number): number => 1 + blocksOf(length) * BLOCK_DIGEST_BYTES;

/**
 * How one part ended, as the receiver sees it. `young`: as promised, but the file was written to so shortly before it was read that
 * the next write may not show. `damaged`: the bytes that arrived are not those that were hashed.
 */
export type FrameEnd = 'as-promised' | 'young' | 'changed' | 'failed' | 'damaged';

/** What a reader tells, part by part, in the order of the request. */
export interface FrameSink {
  /** A part that has no bytes; neither `bytes` nor `end` follows. */
  refused(index: number, result: FileTrouble, message: string): void;
  /** The next bytes of a part; `position` counts from the start of the part. `chunk` is valid during the call only. */
  bytes(index: number, chunk: Uint8Array, position: number): void;
  end(index: number, end: FrameEnd): void;
}

export interface FrameReader {
  /** Throws `protocol` when the stream is no frames; what the sink throws passes through. */
  push(chunk: Uint8Array): void;
  /** Whether every frame has been read to its end. */
  done(): boolean;
}

/**
 * Reads the frames of the parts whose promised lengths are given, from chunks cut anywhere, without copying file bytes.
 * It hashes what arrives and compares with the trailers itself.
 */
export function createFrameReader(lengths: readonly number[], sink: FrameSink, hash: Xxh64): FrameReader {
  let index = 0;
  let state: 'head' | 'message' | 'bytes' | 'trailer' = 'head';
  let position = 0;
  let refusal: FileTrouble | undefined;
  const longest = trailerBytes(lengths.reduce((most, length) => Math.max(most, length), 0));
  const hashes = new Uint8Array(longest - 1);
  /** A head, a message or a trailer, of which `due` bytes make a whole one. */
  const piece = Buffer.allocUnsafe(Math.max(longest, MAX_MESSAGE_BYTES));
  let collected = 0;
  let due = FRAME_HEAD_BYTES;
  hash.reset();

  function push(chunk: Uint8Array): void {
    for (let at = 0; at < chunk.length; ) {
      if (index === lengths.length) throw badFrames('bytes behind the last frame');
      if (state === 'bytes') at = readBytes(chunk, at);
      else {
        while (collected < due && at < chunk.length) piece[collected++] = chunk[at++]!;
        if (collected === due) endPiece();
      }
    }
  }

  function endPiece(): void {
    if (state === 'head') endHead(readFrameHead(piece));
    else if (state === 'trailer') endTrailer(END_OF.get(piece[0]!) ?? 'damaged');
    else endMessage(piece.toString('utf8', 0, due));
  }

  /** A piece of no bytes is over before it has begun. */
  function expect(next: typeof state, bytes = 0): void {
    state = next;
    collected = 0;
    due = bytes;
    if (state !== 'bytes' && due === 0) endPiece();
  }

  function endHead(head: ReturnType<typeof readFrameHead>): void {
    if ('result' in head) {
      refusal = head.result;
      return expect('message', head.messageBytes);
    }
    if (head.length !== lengths[index]) throw otherLength(head.length, lengths[index]!);
    position = 0;
    return head.length === 0 ? expect('trailer', trailerBytes(0)) : expect('bytes');
  }

  function endMessage(message: string): void {
    expect('head', FRAME_HEAD_BYTES);
    sink.refused(index++, refusal!, printable(message));
  }

  function readBytes(chunk: Uint8Array, from: number): number {
    const length = lengths[index]!;
    const bytes = chunk.subarray(from, from + length - position);
    sink.bytes(index, bytes, position);
    for (let at = 0; at < bytes.length; ) {
      const inBlock = Math.min(bytes.length - at, BLOCK_BYTES - (position % BLOCK_BYTES));
      hash.update(inBlock === bytes.length ? bytes : bytes.subarray(at, at + inBlock));
      at += inBlock;
      position += inBlock;
      if (position % BLOCK_BYTES === 0 || position === length)
        hashes.set(hash.digest(), (blocksOf(position) - 1) * BLOCK_DIGEST_BYTES);
    }
    if (position === length) expect('trailer', trailerBytes(length));
    return from + bytes.length;
  }

  function endTrailer(end: FrameEnd): void {
    let equal = true;
    for (let at = 1; at < due; at++) if (piece[at] !== hashes[at - 1]) equal = false;
    expect('head', FRAME_HEAD_BYTES);
    sink.end(index++, (end === 'as-promised' || end === 'young') && !equal ? 'damaged' : end);
  }

  return { push, done: () => index === lengths.length };
}

/** What the first byte of a trailer or a seal says. */
export const END_OF = new Map<number, FrameEnd>([
  [TRAILER_STATUS.asPromised, 'as-promised'],
  [TRAILER_STATUS.changed, 'changed'],
  [TRAILER_STATUS.failed, 'failed'],
  [TRAILER_STATUS.young, 'young'],
]);

export const otherLength = (length: number, promised: number): LmError =>
  badFrames(`${length} bytes where ${promised} were promised`);

export const badFrames = (what: string): LmError =>
  new LmError('protocol', `the source's answer to a fetch holds ${what}`);
