// A work unit and the frames that answer it, written and read. Knows no files, no sockets and no HTTP.

import { LmError, printable } from '../errors.js';
import { BLOCK_BYTES, BLOCK_DIGEST_BYTES } from '../files/digest.js';
import type { Xxh64 } from '../files/xxh64.js';
import { malformed, type Part, type PartsOfDir, readParts, writeParts } from './parts.js';

export const FRAMES_CONTENT_TYPE = 'application/x-lm-frames';

export const MAX_BUNDLE_BYTES = 16 << 20;
export const MAX_RANGE_BYTES = 64 << 20;

/** Small files, whole. */
export interface BundleRequest {
  kind: 'bundle';
  dirs: PartsOfDir[];
}

/** A slice of one file. `offset` is a multiple of 1 MiB, and `offset + length` lies within the listed size. */
export interface RangeRequest {
  kind: 'range';
  offset: number;
  length: number;
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
  if (head.kind === 'bundle') {
    const bytes = dirs.flatMap(([, parts]) => parts).reduce((sum, [, size]) => sum + Number(size), 0);
    if (bytes > MAX_BUNDLE_BYTES)
      throw malformed(`a bundle of ${bytes} bytes, at most ${MAX_BUNDLE_BYTES} are allowed`);
    return { kind: 'bundle', dirs };
  }
  if (head.kind !== 'range') throw malformed('its kind is neither bundle nor range');
  if (dirs.length !== 1 || dirs[0]![1].length !== 1) throw malformed('a range has exactly one file');
  const { offset, length } = head as { offset: number; length: number };
  const size = Number(dirs[0]![1][0]![1]);
  if (!Number.isSafeInteger(offset) || offset < 0 || offset % BLOCK_BYTES !== 0)
    throw malformed(`the offset of a range is a multiple of ${BLOCK_BYTES}`);
  if (!Number.isSafeInteger(length) || length < 1 || length > MAX_RANGE_BYTES || offset + length > size)
    throw malformed(`the length of a range is 1 to ${MAX_RANGE_BYTES} and ends within the file`);
  return { kind: 'range', offset, length, dirs: dirs as RangeRequest['dirs'] };
}

/** Why a frame has no bytes. */
export type Refusal = 'changed' | 'vanished' | 'failed';

/** The JSON line a frame begins with. With a `result` nothing follows it: no bytes, no trailer. */
export type FrameHead = { length: number } | { length: 0; result: Refusal; message: string };

export const writeFrameHead = (head: FrameHead): Uint8Array => Buffer.from(`${JSON.stringify(head)}\n`);

/** The first byte of a trailer. After anything but `asPromised` the bytes are worthless. */
export const TRAILER_STATUS = { asPromised: 0, changed: 1, failed: 2 } as const;
export type TrailerStatus = (typeof TRAILER_STATUS)[keyof typeof TRAILER_STATUS];

const blocksOf = (bytes: number): number => Math.ceil(bytes / BLOCK_BYTES);

/** Bytes of the trailer behind `length` bytes: the status, then the XXH64 of each block. */
export const trailerBytes = (length: number): number => 1 + blocksOf(length) * BLOCK_DIGEST_BYTES;

/** How one part ended, as the receiver sees it. `damaged`: the bytes that arrived are not those that were hashed. */
export type FrameEnd = 'as-promised' | 'changed' | 'failed' | 'damaged';

/** What a reader tells, part by part, in the order of the request. */
export interface FrameSink {
  /** A part that has no bytes; neither `bytes` nor `end` follows. */
  refused(index: number, result: Refusal, message: string): void;
  /** The next bytes of a part; `position` counts from the start of the part. `chunk` is valid during the call only. */
  bytes(index: number, chunk: Uint8Array, position: number): void;
  /** `hashes` holds 8 bytes a block, as they came; valid during the call only. */
  end(index: number, end: FrameEnd, hashes: Uint8Array): void;
}

export interface FrameReader {
  /** Throws `protocol` when the stream is no frames; what the sink throws passes through. */
  push(chunk: Uint8Array): void;
  /** Whether every frame has been read to its end. */
  done(): boolean;
}

const MAX_HEAD_BYTES = 8192;

/**
 * Reads the frames of the parts whose promised lengths are given, from chunks cut anywhere, without copying file bytes.
 * It hashes what arrives and compares with the trailers itself.
 */
export function createFrameReader(lengths: readonly number[], sink: FrameSink, hash: Xxh64): FrameReader {
  let index = 0;
  let state: 'head' | 'bytes' | 'trailer' = 'head';
  let position = 0;
  const small = Buffer.allocUnsafe(MAX_HEAD_BYTES); // collects a head, then a trailer, which is shorter
  let smallBytes = 0;
  let hashes: Uint8Array = new Uint8Array();
  hash.reset();

  function push(chunk: Uint8Array): void {
    for (let at = 0; at < chunk.length; ) {
      if (index === lengths.length) throw badFrames('bytes behind the last frame');
      if (state === 'head') at = readHead(chunk, at);
      else if (state === 'bytes') at = readBytes(chunk, at);
      else at = readTrailer(chunk, at);
    }
  }

  function readHead(chunk: Uint8Array, from: number): number {
    const newline = chunk.indexOf(NEWLINE, from);
    const to = newline < 0 ? chunk.length : newline;
    collect(chunk, from, to);
    if (newline < 0) return to;
    const head = parseHead(small.toString('utf8', 0, smallBytes));
    smallBytes = 0;
    if ('result' in head) {
      sink.refused(index++, head.result, head.message);
      return to + 1;
    }
    if (head.length !== lengths[index]) throw badFrames(`${head.length} bytes where ${lengths[index]} were promised`);
    position = 0;
    hashes = new Uint8Array(blocksOf(head.length) * BLOCK_DIGEST_BYTES);
    state = head.length === 0 ? 'trailer' : 'bytes';
    return to + 1;
  }

  function readBytes(chunk: Uint8Array, from: number): number {
    const length = lengths[index]!;
    const bytes = chunk.subarray(from, from + length - position);
    sink.bytes(index, bytes, position);
    for (let at = 0; at < bytes.length; ) {
      const inBlock = Math.min(bytes.length - at, BLOCK_BYTES - (position % BLOCK_BYTES));
      hash.update(bytes.subarray(at, at + inBlock));
      at += inBlock;
      position += inBlock;
      if (position % BLOCK_BYTES === 0 || position === length)
        hashes.set(hash.digest(), (blocksOf(position) - 1) * BLOCK_DIGEST_BYTES);
    }
    if (position === length) state = 'trailer';
    return from + bytes.length;
  }

  function readTrailer(chunk: Uint8Array, from: number): number {
    const expected = trailerBytes(lengths[index]!);
    const to = Math.min(chunk.length, from + expected - smallBytes);
    collect(chunk, from, to);
    if (smallBytes < expected) return to;
    const sent = small.subarray(1, expected);
    const end = END_OF[small[0]!];
    if (!end) throw badFrames(`unknown trailer status ${small[0]}`);
    const equal = Buffer.compare(sent, hashes) === 0;
    smallBytes = 0;
    state = 'head';
    sink.end(index++, end === 'as-promised' && !equal ? 'damaged' : end, sent);
    return to;
  }

  function collect(chunk: Uint8Array, from: number, to: number): void {
    const bytes = smallBytes + to - from;
    if (bytes > MAX_HEAD_BYTES) throw badFrames('a frame whose head does not end');
    small.set(chunk.subarray(from, to), smallBytes);
    smallBytes = bytes;
  }

  return { push, done: () => index === lengths.length };
}

const NEWLINE = 0x0a;
const END_OF: readonly (FrameEnd | undefined)[] = ['as-promised', 'changed', 'failed'];
const REFUSALS: readonly unknown[] = ['changed', 'vanished', 'failed'] satisfies Refusal[];

function parseHead(line: string): FrameHead {
  let head: unknown;
  try {
    head = JSON.parse(line);
  } catch (cause) {
    throw badFrames('a head that is not JSON', cause);
  }
  const { length, result, message } = (head ?? {}) as Record<string, unknown>;
  if (result === undefined && Number.isSafeInteger(length)) return { length: length as number };
  if (length === 0 && REFUSALS.includes(result) && typeof message === 'string')
    return { length: 0, result: result as Refusal, message: printable(message) };
  throw badFrames('a head without a length');
}

const badFrames = (what: string, cause?: unknown): LmError =>
  new LmError('protocol', `the source's answer to a fetch holds ${what}`, { cause });
