// The format of the answer to a request for pages: writes it, and reads and verifies it. Whoever patches a block proves it by its seal.

import { BLOCK_DIGEST_BYTES } from '../../digest/digest.js';
import type { Xxh64 } from '../../digest/kernels/xxh64.js';
import type { FileFailure } from '../../digest/listed-file.js';
import { printable } from '../../errors.js';
import {
  BYTES_FOLLOW,
  badFrames,
  END_OF,
  FRAME_HEAD_BYTES,
  type FrameEnd,
  type FrameReader,
  MAX_MESSAGE_BYTES,
  putFrameHead,
  readFrameHead,
  type TrailerStatus,
} from '../frames.js';
import { SEAL_BYTES, writeSeal } from '../range-seals.js';
import { type BlockAt, PAGE_BYTES, PAGES_OF_BLOCK, pageBytes, pagesOf } from './pages-request.js';

/**
 * Behind the frame's head comes a table: the digest of the request's text, how many of its blocks are answered, for each requested block a
 * seal and a bitmap of the pages that differ, and the XXH64 of all that. Then come these pages, block by block. The table is apart from the
 * pages because one flipped bit in it would shift all that follow: it is flipped back. A flipped bit in a page costs that page. Blocks that
 * are not answered, the last ones, are zeros in the table.
 */
const BITMAP_BYTES = PAGES_OF_BLOCK / 8;
const ROW_BYTES = SEAL_BYTES + BITMAP_BYTES;
const ROWS_AT = BLOCK_DIGEST_BYTES + 1;

const tableBytes = (blocks: number): number => ROWS_AT + blocks * ROW_BYTES + BLOCK_DIGEST_BYTES;

/** What the answer takes at most when all pages of so many bytes differ. */
export const answerBytes = (blocks: number, pages: number): number => FRAME_HEAD_BYTES + tableBytes(blocks) + pages;

export interface PagesWriter {
  /** How many blocks have been ended. */
  readonly blocks: number;
  /** Whether so many bytes of pages fit in. */
  hasRoom(bytes: number): boolean;
  /** Adds a page of the block under way. */
  page(index: number, bytes: Uint8Array): void;
  /** Ends the block under way. `digest`: its XXH64. */
  endBlock(status: TrailerStatus, digest: Uint8Array): void;
  /** Returns the length of the answer. `text`: the digest of the request's text. */
  end(text: Uint8Array, hash: Xxh64): number;
}

/** Writes the answer to a request for so many blocks into `buffer`. */
export function createPagesWriter(buffer: Buffer, requested: number): PagesWriter {
  const table = buffer.subarray(FRAME_HEAD_BYTES, FRAME_HEAD_BYTES + tableBytes(requested)).fill(0);
  const rowAt = (block: number): number => ROWS_AT + block * ROW_BYTES;
  let end = FRAME_HEAD_BYTES + table.length;
  let blocks = 0;
  return {
    get blocks() {
      return blocks;
    },
    hasRoom: (bytes) => end + bytes <= buffer.length,
    page(index, bytes) {
      table[rowAt(blocks) + SEAL_BYTES + (index >> 3)]! |= 1 << (index & 7);
      buffer.set(bytes, end);
      end += bytes.length;
    },
    endBlock(status, digest) {
      table.set(writeSeal(status, digest), rowAt(blocks));
      blocks++;
    },
    end(text, hash) {
      table.set(text, 0);
      table[BLOCK_DIGEST_BYTES] = blocks;
      const rowsEnd = table.length - BLOCK_DIGEST_BYTES;
      hash.reset();
      hash.update(table.subarray(0, rowsEnd));
      table.set(hash.digest(), rowsEnd);
      putFrameHead(buffer, 0, { length: end - FRAME_HEAD_BYTES });
      return end;
    },
  };
}

/** A block that was answered. */
export interface AnsweredBlock extends BlockAt {
  /** The status of the file just after the block was read. */
  end: FrameEnd;
  /** The block's XXH64 at the source. */
  digest: Uint8Array;
  /** The bytes of its pages that came. */
  received: number;
}

export interface PagesSink {
  /** The answer has no pages; no other call follows. */
  refused(result: FileFailure, message: string): void;
  /** The first requested blocks, one at least; those behind them have to be requested again. The pages follow. */
  blocks(blocks: readonly AnsweredBlock[]): void;
  /** Bytes of pages; `position` is that in the file. `chunk` is valid during the call only. */
  bytes(chunk: Uint8Array, position: number): void;
  /** What came is not what the agent sent, or the agent did not get the request that was sent. Nothing may be pushed after that. */
  damaged(): void;
}

/** What was requested, and what the head of the response says. */
export interface PagesExpected {
  requested: readonly BlockAt[];
  /** The digest of the request's text. */
  text: Uint8Array;
  /** Content-Length. */
  bytes: number;
  /** Whether the response has a ctime: a refusal has none. */
  hasCtime: boolean;
}

/** Reads an answer from chunks cut anywhere, without copying pages. */
export function createPagesReader(expected: PagesExpected, sink: PagesSink, hash: Xxh64): FrameReader {
  const { requested, bytes: total, hasCtime } = expected;
  let state: 'head' | 'message' | 'table' | 'pages' | 'over' = 'head';
  const piece = Buffer.allocUnsafe(Math.max(tableBytes(requested.length), MAX_MESSAGE_BYTES));
  let collected = 0;
  let due = FRAME_HEAD_BYTES;
  let isHeadSound = true;
  let refusal: FileFailure | undefined;
  let runs: BlockAt[] = [];
  let inRun = 0;

  function push(chunk: Uint8Array): void {
    for (let at = 0; at < chunk.length; ) {
      if (state === 'over') throw badFrames('bytes behind the last page');
      if (state === 'pages') at = readPages(chunk, at);
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

  function damaged(): void {
    expect('over');
    sink.damaged();
  }

  function endPiece(): void {
    if (state === 'head') endHead();
    else if (state === 'table') endTable();
    else {
      const message = printable(piece.toString('utf8', 0, due));
      expect('over');
      sink.refused(refusal!, message);
    }
  }

  /**
   * Content-Length and the ctime say what the head has to be, so that a flipped bit in it is found. The table says so too: with it the head is
   * not needed.
   */
  function endHead(): void {
    isHeadSound = (piece[0] === BYTES_FOLLOW) === hasCtime && piece.readUInt32LE(1) === total - FRAME_HEAD_BYTES;
    const bytes = tableBytes(requested.length);
    if (!isHeadSound && !(hasCtime && FRAME_HEAD_BYTES + bytes <= total)) return damaged();
    const head = isHeadSound && readFrameHead(piece);
    if (!head || !('result' in head)) return expect('table', bytes);
    refusal = head.result;
    expect('message', head.messageBytes);
  }

  function endTable(): void {
    const table = piece.subarray(0, due);
    if (!isTable(table, hash) && !mendBit(table, hash)) return damaged();
    if (!table.subarray(0, BLOCK_DIGEST_BYTES).equals(expected.text)) return damaged();
    const { blocks, pages } = readTable(table, requested);
    const bytes = pages.reduce((sum, { length }) => sum + length, 0);
    const isWhole = FRAME_HEAD_BYTES + due + bytes === total;
    if (!isWhole && !isHeadSound) return damaged();
    if (!isWhole) throw badFrames(`${bytes} bytes of pages in ${total}`);
    runs = pages;
    expect(runs.length > 0 ? 'pages' : 'over');
    sink.blocks(blocks);
  }

  function readPages(chunk: Uint8Array, from: number): number {
    const { offset, length } = runs[0]!;
    const bytes = chunk.subarray(from, from + length - inRun);
    sink.bytes(bytes, offset + inRun);
    inRun += bytes.length;
    if (inRun === length) {
      runs.shift();
      inRun = 0;
      if (runs.length === 0) expect('over');
    }
    return from + bytes.length;
  }

  return { push, done: () => state === 'over' };
}

/** Whether a table is as it was sent. */
function isTable(table: Buffer, hash: Xxh64): boolean {
  const rowsEnd = table.length - BLOCK_DIGEST_BYTES;
  hash.reset();
  hash.update(table.subarray(0, rowsEnd));
  return table.subarray(rowsEnd).equals(hash.digest());
}

/**
 * Flips back the one bit that was flipped on the way, which saves up to MAX_PAGES_BYTES of pages that would come twice; returns false, after
 * milliseconds, where it was more than one. Another table of some 3,000 that are tried has the right checksum once in 2^52 times.
 */
function mendBit(table: Buffer, hash: Xxh64): boolean {
  for (let at = 0; at < table.length; at++)
    for (let bit = 1; bit < 256; bit <<= 1) {
      table[at]! ^= bit;
      if (isTable(table, hash)) return true;
      table[at]! ^= bit;
    }
  return false;
}

/** Reads a table that is as it was sent. `pages`: the pages that follow; adjoining ones are one. */
function readTable(table: Buffer, requested: readonly BlockAt[]): { blocks: AnsweredBlock[]; pages: BlockAt[] } {
  const answered = table[BLOCK_DIGEST_BYTES]!;
  if (answered < 1 || answered > requested.length) throw badFrames(`${answered} blocks of ${requested.length}`);
  const pages: BlockAt[] = [];
  const blocks = requested.slice(0, answered).map((block, i): AnsweredBlock => {
    const row = Buffer.from(table.subarray(ROWS_AT + i * ROW_BYTES, ROWS_AT + (i + 1) * ROW_BYTES));
    const end = END_OF.get(row[0]!);
    if (!end) throw badFrames('a seal of an unknown status');
    const received = putRuns(block, row.subarray(SEAL_BYTES), pages);
    return { ...block, end, digest: row.subarray(1, SEAL_BYTES), received };
  });
  return { blocks, pages };
}

/** Adds the pages of a block whose bits are set to `runs`; returns their bytes. */
function putRuns(block: BlockAt, bitmap: Buffer, runs: BlockAt[]): number {
  let bytes = 0;
  for (let page = 0; page < PAGES_OF_BLOCK; page++) {
    if ((bitmap[page >> 3]! & (1 << (page & 7))) === 0) continue;
    if (page >= pagesOf(block)) throw badFrames('a page behind the end of its block');
    const [offset, length] = [block.offset + page * PAGE_BYTES, pageBytes(block, page)];
    const last = runs.at(-1);
    if (last && last.offset + last.length === offset) last.length += length;
    else runs.push({ offset, length });
    bytes += length;
  }
  return bytes;
}
