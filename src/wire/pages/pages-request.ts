// The format of a request for the pages of a file that differ from those of the client: writes and reads it, and divides files into pages.

import { BLOCK_BYTES } from '../../digest/digest.js';
import type { Xxh64 } from '../../digest/kernels/xxh64.js';
import { malformedRequest, type RequestedFile, readFileRequest, writeFileRequest } from '../file-requests.js';

export const PAGES_REQUEST_TYPE = 'application/x-lm-pages';

/** The page of a database: PostgreSQL writes 8 KiB at a time, InnoDB 16. */
export const PAGE_BYTES = 8 << 10;
export const PAGES_OF_BLOCK = BLOCK_BYTES / PAGE_BYTES;

/**
 * The low bytes of a page's XXH64. One changed page in 2^32 looks as it was; then its block does not match its seal, and the client fetches
 * it whole in the end.
 */
export const PAGE_HASH_BYTES = 4;

/** Of one request. */
export const MAX_BLOCKS = 16;

/** The length of the text, in front of it. */
const LENGTH_BYTES = 4;

/** The text names one file; the longest key and name, each character an escape of six, take less. */
const MAX_TEXT_BYTES = 64 << 10;

export type BlockRun = [firstBlock: number, blocks: number];

export interface PagesRequest {
  kind: 'pages';
  /** Set by a client that knows the status `young`. */
  young?: true;
  /** The file may have changed since it was listed; see RangeRequest. */
  torn?: true;
  /** Blocks of the file, ascending, at most MAX_BLOCKS in all. */
  blocks: readonly BlockRun[];
  dirs: [[dir: string, files: [RequestedFile]]];
}

/** A block of the file; the last one may be short. */
export interface BlockAt {
  offset: number;
  length: number;
}

export const pagesOf = ({ length }: Pick<BlockAt, 'length'>): number => Math.ceil(length / PAGE_BYTES);

/** Bytes of one page of a block: the last may be short. */
export const pageBytes = ({ length }: Pick<BlockAt, 'length'>, page: number): number =>
  Math.min(PAGE_BYTES, length - page * PAGE_BYTES);

export const blocksOfRuns = (runs: readonly BlockRun[], size: number): BlockAt[] =>
  runs.flatMap(([first, count]) =>
    Array.from({ length: count }, (_, i) => {
      const offset = (first + i) * BLOCK_BYTES;
      return { offset, length: Math.min(BLOCK_BYTES, size - offset) };
    }),
  );

/** Puts the hashes of a block's pages into `to`, and returns where they end. */
export function putPageHashes(block: Uint8Array, hash: Xxh64, to: Uint8Array, at: number): number {
  let end = at;
  for (let page = 0; page < block.length; page += PAGE_BYTES) {
    hash.update(block.subarray(page, Math.min(block.length, page + PAGE_BYTES)));
    to.set(hash.digest().subarray(0, PAGE_HASH_BYTES), end);
    end += PAGE_HASH_BYTES;
  }
  return end;
}

export const hashesBytes = (blocks: readonly BlockAt[]): number =>
  blocks.reduce((sum, block) => sum + pagesOf(block) * PAGE_HASH_BYTES, 0);

/** The length of the text, the text, and the client's hashes: PAGE_HASH_BYTES for each page of each block, in order. */
export function writePagesRequest({ dirs, ...head }: PagesRequest, hashes: Uint8Array): Buffer {
  const text = writeFileRequest(head, dirs);
  const length = Buffer.alloc(LENGTH_BYTES);
  length.writeUInt32LE(text.length);
  return Buffer.concat([length, text, hashes]);
}

/**
 * The XXH64 of all before the hashes. The answer repeats it: pages of another block, for which a damaged request asked, would match their
 * seal. A damaged hash costs a page.
 */
export function textDigest(body: Buffer, hash: Xxh64): Uint8Array {
  hash.reset();
  hash.update(body.subarray(0, LENGTH_BYTES + body.readUInt32LE()));
  return hash.digest();
}

/** Throws `protocol`, naming what is wrong. The returned request keeps every limit above, and `hashes` has one for each page. */
export function readPagesRequest(body: Buffer): { request: PagesRequest; blocks: BlockAt[]; hashes: Buffer } {
  const textBytes = body.length < LENGTH_BYTES ? 0 : body.readUInt32LE();
  const text = body.subarray(LENGTH_BYTES, LENGTH_BYTES + Math.min(textBytes, MAX_TEXT_BYTES));
  if (textBytes === 0 || text.length !== textBytes)
    throw malformedRequest(`pages are asked for with a length in ${LENGTH_BYTES} bytes, and a text so long`);
  const { head, dirs } = readFileRequest(text);
  if (head['kind'] !== 'pages') throw malformedRequest('its kind is not pages');
  if (dirs.length !== 1 || dirs[0]![1].length !== 1) throw malformedRequest('pages are asked for of exactly one file');
  const size = Number(dirs[0]![1][0]![1]);
  const runs = readRuns(head['blocks'], size);
  const blocks = blocksOfRuns(runs, size);
  const hashes = body.subarray(LENGTH_BYTES + textBytes);
  if (hashes.length !== hashesBytes(blocks))
    throw malformedRequest(`${hashes.length} bytes of hashes where its blocks take ${hashesBytes(blocks)}`);
  const young = head['young'] === true && { young: true as const };
  const torn = head['torn'] === true && { torn: true as const };
  const request = { kind: 'pages' as const, ...young, ...torn, blocks: runs, dirs: dirs as PagesRequest['dirs'] };
  return { request, blocks, hashes };
}

function readRuns(value: unknown, size: number): BlockRun[] {
  const inFile = Math.ceil(size / BLOCK_BYTES);
  const runs: BlockRun[] = [];
  let [end, blocks] = [0, 0];
  for (const run of Array.isArray(value) ? value.slice(0, MAX_BLOCKS + 1) : []) {
    const [first, count] = (Array.isArray(run) && run.length === 2 ? run : []) as BlockRun;
    const isRun = Number.isSafeInteger(first) && Number.isSafeInteger(count) && first >= end && count >= 1;
    if (!isRun || first + count > inFile || !Number.isSafeInteger((first + count) * BLOCK_BYTES)) throw wrongRuns();
    end = first + count;
    blocks += count;
    runs.push([first, count]);
    if (blocks > MAX_BLOCKS) throw wrongRuns();
  }
  if (runs.length === 0) throw wrongRuns();
  return runs;
}

const wrongRuns = () =>
  malformedRequest(`blocks are [[first, count], …], ascending, within the file, 1 to ${MAX_BLOCKS} in all`);
