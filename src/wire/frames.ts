// The format of a /fetch request and of the frames in its answer: writes and reads both.

import { BLOCK_BYTES, BLOCK_DIGEST_BYTES } from '../digest/digest.js';
import type { Xxh64 } from '../digest/kernels/xxh64.js';
import type { FileFailure } from '../digest/listed-file.js';
import { LmError, printable } from '../errors.js';
import {
  malformedRequest,
  type RequestedDirectory,
  type RequestedFile,
  readFileRequest,
  writeFileRequest,
} from './file-requests.js';

export const FRAMES_CONTENT_TYPE = 'application/x-lm-frames';

export const MAX_BUNDLE_BYTES = 16 << 20;
export const MAX_RANGE_BYTES = 64 << 20;

/** The longest sparse range. At most MAX_RANGE_BYTES of it are read and sent; the rest is holes. */
export const MAX_SPARSE_BYTES = 2 ** 31;

/** A header of every answer from an agent that can report young files. */
export const YOUNG_HEADER = 'lm-tells-young';

const SEAL_MODES = ['behind-blocks', 'alone', 'sparse'] as const;
type SealMode = (typeof SEAL_MODES)[number];

interface FetchOptions {
  /** Set by a client that knows the status `young`: any other would take it for damage. */
  young?: true;
}

/** A request for small files, whole. */
export interface BundleRequest extends FetchOptions {
  kind: 'bundle';
  dirs: RequestedDirectory[];
}

/** A request for a slice of one file. `offset` is a multiple of 1 MiB, and `offset + length` lies within the listed size. */
export interface RangeRequest extends FetchOptions {
  kind: 'range';
  offset: number;
  length: number;
  /**
   * A seal behind each block in place of a trailer (wire/range-seals.ts), or the seals without the bytes, or seals and no bytes of holes. An
   * older agent sends a trailer; `sparse` is only for agents that list `allocated`.
   */
  seals?: SealMode;
  /**
   * Set by a client that takes what it gets as a basis: a file that has changed since it was listed, or changes meanwhile, is sent all the same if it
   * is the same inode and long enough. Its seals say `changed`. An older agent refuses it.
   */
  torn?: true;
  dirs: [[dir: string, files: [RequestedFile]]];
}

export type FetchRequest = BundleRequest | RangeRequest;

export function writeFetchRequest(request: FetchRequest): Uint8Array {
  const { dirs, ...head } = request;
  return writeFileRequest(head, dirs);
}

/** Throws `protocol`, naming what is wrong. The returned request keeps every limit above. */
export function readFetchRequest(body: Uint8Array): FetchRequest {
  const { head, dirs } = readFileRequest(body);
  const options: FetchOptions = head['young'] === true ? { young: true } : {};
  const seals = SEAL_MODES.find((known) => known === head['seals']);
  if (head['kind'] === 'bundle') {
    const bytes = dirs.flatMap(([, files]) => files).reduce((sum, [, size]) => sum + Number(size), 0);
    if (bytes > MAX_BUNDLE_BYTES)
      throw malformedRequest(`a bundle of ${bytes} bytes, at most ${MAX_BUNDLE_BYTES} are allowed`);
    return { kind: 'bundle', ...options, dirs };
  }
  if (head['kind'] !== 'range') throw malformedRequest('its kind is neither bundle nor range');
  if (dirs.length !== 1 || dirs[0]![1].length !== 1) throw malformedRequest('a range has exactly one file');
  const { offset, length } = head as { offset: number; length: number };
  const size = Number(dirs[0]![1][0]![1]);
  if (!Number.isSafeInteger(offset) || offset < 0 || offset % BLOCK_BYTES !== 0)
    throw malformedRequest(`the offset of a range is a multiple of ${BLOCK_BYTES}`);
  const maxBytes = seals === 'sparse' ? MAX_SPARSE_BYTES : MAX_RANGE_BYTES;
  if (!Number.isSafeInteger(length) || length < 1 || length > maxBytes || offset + length > size)
    throw malformedRequest(`the length of a range is 1 to ${maxBytes} and ends within the file`);
  return {
    ...{ kind: 'range', ...options, offset, length },
    ...(seals && { seals }),
    ...(seals && head['torn'] === true && { torn: true }),
    dirs: dirs as RangeRequest['dirs'],
  };
}

/**
 * The head of a frame: a byte for its kind and four for a length, little-endian. After kind 0 come so many bytes of the file, and a trailer;
 * after any other kind so many bytes of UTF-8 that say why there are no bytes. The head is binary because a line of JSON for each of many
 * small files took either end as long as the file itself.
 */
export type FrameHead = { length: number } | { result: FileFailure; message: string };

export const FRAME_HEAD_BYTES = 5;
export const BYTES_FOLLOW = 0;
const REFUSALS: readonly (FileFailure | undefined)[] = [undefined, 'changed', 'vanished', 'failed'];
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

/** Reads the first five bytes of a frame: how many bytes of the file follow, or of the message that says why there are none. */
export function readFrameHead(piece: Buffer): { length: number } | { result: FileFailure; messageBytes: number } {
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
 * The first byte of a trailer. The bytes are worthless with any status but `asPromised` and `young`. Any two differ in four bits: no hash
 * covers this byte, and one flipped bit must not make a torn file whole, or a young one old.
 */
export const TRAILER_STATUS = { asPromised: 0x0f, changed: 0x33, failed: 0x55, young: 0x69 } as const;
export type TrailerStatus = (typeof TRAILER_STATUS)[keyof typeof TRAILER_STATUS];

export const blocksOf = (bytes: number): number => Math.ceil(bytes / BLOCK_BYTES);

/** Bytes of the trailer behind `length` bytes: the status, then the XXH64 of each block. */
export const trailerBytes = (length: number): number => 1 + blocksOf(length) * BLOCK_DIGEST_BYTES;

/**
 * How the frame of one file ended, for the receiver. `young`: as promised, but the file was written to so shortly before it was read that
 * the next write may not change its times. `damaged`: the bytes that arrived are not those that were hashed.
 */
export type FrameEnd = 'as-promised' | 'young' | 'changed' | 'failed' | 'damaged';

/** Receives what a reader reads, file by file, in the order of the request. */
export interface FrameSink {
  /** A file that has no bytes in the answer; neither `bytes` nor `end` follows. */
  refused(index: number, result: FileFailure, message: string): void;
  /** The next bytes of a file or range; `position` counts from its start. `chunk` is valid during the call only. */
  bytes(index: number, chunk: Uint8Array, position: number): void;
  /** `blocks`: the XXH64 of each block that arrived, valid during the call only. */
  end(index: number, end: FrameEnd, blocks: Uint8Array): void;
}

export interface FrameReader {
  /** Throws `protocol` for what is not frames, and what the sink throws. */
  push(chunk: Uint8Array): void;
  /** Whether every frame has been read to its end. */
  done(): boolean;
}

/**
 * Reads the frames of files with these promised lengths, from chunks cut anywhere, without copying file bytes. It hashes the bytes that
 * arrive, and compares the hashes with the trailers.
 */
export function createFrameReader(lengths: readonly number[], sink: FrameSink, hash: Xxh64): FrameReader {
  let index = 0;
  let state: 'head' | 'message' | 'bytes' | 'trailer' = 'head';
  let position = 0;
  let refusal: FileFailure | undefined;
  const longest = trailerBytes(lengths.reduce((max, length) => Math.max(max, length), 0));
  const hashes = new Uint8Array(longest - 1);
  /** The head, message or trailer being read, which has `due` bytes. */
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

  /** A piece of no bytes ends at once. */
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
    if (head.length !== lengths[index]) throw unexpectedLength(head.length, lengths[index]!);
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
    const blocks = hashes.subarray(0, due - 1);
    let equal = true;
    for (let at = 1; at < due; at++) if (piece[at] !== hashes[at - 1]) equal = false;
    expect('head', FRAME_HEAD_BYTES);
    sink.end(index++, (end === 'as-promised' || end === 'young') && !equal ? 'damaged' : end, blocks);
  }

  return { push, done: () => index === lengths.length };
}

/** The meaning of the first byte of a trailer or a seal. */
export const END_OF = new Map<number, FrameEnd>([
  [TRAILER_STATUS.asPromised, 'as-promised'],
  [TRAILER_STATUS.changed, 'changed'],
  [TRAILER_STATUS.failed, 'failed'],
  [TRAILER_STATUS.young, 'young'],
]);

export const unexpectedLength = (length: number, promised: number): LmError =>
  badFrames(`${length} bytes where ${promised} were promised`);

export const badFrames = (what: string): LmError =>
  new LmError('protocol', `the source's answer to a fetch holds ${what}`);
