// Reads the blocks that a request for pages names, and writes the pages that differ from the client's into one buffer. Runs in a worker
// thread, because it blocks while it reads.

import { type BigIntStats, closeSync, fstatSync, readSync } from 'node:fs';
import { BLOCK_BYTES } from '../../digest/digest.js';
import { createXxh64, type Xxh64 } from '../../digest/kernels/xxh64.js';
import { errnoOf } from '../../errors.js';
import { DirCache } from '../../files/dirfd.js';
import { joinKey } from '../../files/entry.js';
import { putFrameHead, TRAILER_STATUS } from '../../wire/frames.js';
import { answerBytes, createPagesWriter, type PagesWriter } from '../../wire/pages/pages-answer.js';
import {
  type BlockAt,
  PAGE_BYTES,
  PAGE_HASH_BYTES,
  putPageHashes,
  readPagesRequest,
  textDigest,
} from '../../wire/pages/pages-request.js';
import { changedHead, misstatedHead, openListed, type RefusedHead, refusalOf, statusOf } from './listed-file.js';
import type { FailedFiles, Packer } from './pack.js';

/**
 * Limit of the pages of one answer, which is that of a bundle: the client asks again for the blocks that do not fit in. One block always
 * does.
 */
const MAX_PAGES_BYTES = 8 << 20;

export type PagesJob = ReturnType<typeof readPagesRequest> & { text: Uint8Array };

/** Throws `protocol` for a body that is no request for pages. */
export function readPagesJob(body: Uint8Array, hash: Xxh64): PagesJob {
  const bytes = Buffer.from(body.buffer, body.byteOffset, body.length);
  const read = readPagesRequest(bytes);
  return { ...read, text: textDigest(bytes, hash) };
}

/** The bytes that the answer takes at most. */
export const packedPagesBytes = ({ blocks }: PagesJob): number =>
  answerBytes(blocks.length, Math.min(MAX_PAGES_BYTES, blocks.length * BLOCK_BYTES));

/** `ctimeNs`: that of the file when it was opened; undefined for a refusal. */
export interface PackedPages {
  bytes: number;
  failed: FailedFiles | undefined;
  ctimeNs: string | undefined;
}

/** Writes the answer into `buffer`, which holds `packedPagesBytes`. */
export function packPages(job: PagesJob, buffer: Buffer, { roots, excludes, hash }: Packer): PackedPages {
  const { request, blocks, text } = job;
  const [[dir, [file]]] = request.dirs;
  const dirs = new DirCache(roots, excludes);
  let fd: number | undefined;
  try {
    const end = blocks.at(-1)!.offset + blocks.at(-1)!.length;
    const listed = openListed(dirs, dir, file, request.torn && end);
    if (typeof listed !== 'number') return refused(listed);
    fd = listed;
    const opened = fstatSync(fd, { bigint: true });
    const writer = createPagesWriter(buffer, blocks.length);
    const refusal = addBlocks(fd, opened, job, writer);
    if (writer.blocks === 0) return refused(refusal!);
    return { bytes: writer.end(text, hash), failed: undefined, ctimeNs: `${opened.ctimeNs}` };
  } finally {
    if (fd !== undefined) closeSync(fd);
    dirs.close();
  }

  function refused(head: RefusedHead): PackedPages {
    const failed =
      head.result === 'failed' ? { files: 1, key: joinKey(dir, file[0]), message: head.message } : undefined;
    return { bytes: putFrameHead(buffer, 0, head), failed, ctimeNs: undefined };
  }
}

/**
 * Adds one block after the other while there is room. Ends at a block that cannot be sent and returns why; the client then asks for it first,
 * and is told.
 */
function addBlocks(
  fd: number,
  opened: BigIntStats,
  { request, blocks, hashes }: PagesJob,
  writer: PagesWriter,
): RefusedHead | undefined {
  const { young, torn, dirs } = request;
  const [, [file]] = dirs[0];
  const size = Number(file[1]);
  const beganMs = young ? performance.now() : undefined;
  blockReader ??= createXxh64(BLOCK_BYTES + 1);
  const reader = blockReader;
  let at = 0;
  for (const { offset, length } of blocks) {
    if (!writer.hasRoom(length)) return undefined;
    const held = readBlock(fd, reader.buffer, { offset, length }, offset + length === size);
    if (typeof held !== 'number') return held;
    const bytes = reader.buffer.subarray(0, length);
    reader.reset();
    const end = at + putPageHashes(bytes, reader, own, 0);
    reader.update(bytes);
    const digest = reader.digest();
    const status = statusOf(fd, file, beganMs, opened);
    const isTorn = torn && status === TRAILER_STATUS.changed && held >= length;
    if (status === TRAILER_STATUS.changed && !isTorn) return changedHead();
    if (held !== length && !isTorn) return misstatedHead(size, offset + held);
    for (let page = 0; at < end; page++, at += PAGE_HASH_BYTES)
      if (!isEqual(hashes, at, own, page * PAGE_HASH_BYTES))
        writer.page(page, bytes.subarray(page * PAGE_BYTES, (page + 1) * PAGE_BYTES));
    writer.endBlock(status, digest);
  }
  return undefined;
}

/** One for this thread: a block is hashed where it was read. */
let blockReader: Xxh64 | undefined;
const own = new Uint8Array((BLOCK_BYTES / PAGE_BYTES) * PAGE_HASH_BYTES);

function isEqual(a: Uint8Array, aAt: number, b: Uint8Array, bAt: number): boolean {
  for (let i = 0; i < PAGE_HASH_BYTES; i++) if (a[aAt + i] !== b[bAt + i]) return false;
  return true;
}

/** Returns how many bytes there are; of the file's last block one more is requested, which a file that holds more than it states has. */
function readBlock(fd: number, buffer: Buffer, { offset, length }: BlockAt, isLast: boolean): number | RefusedHead {
  const wanted = isLast ? length + 1 : length;
  try {
    for (let held = 0; ; ) {
      const got = readSync(fd, buffer, held, wanted - held, offset + held);
      held += got;
      if (got === 0 || held >= length) return held;
    }
  } catch (error) {
    if (errnoOf(error) === undefined) throw error;
    return refusalOf(error);
  }
}
