// Worker thread: one walk at a time, handed over in chunks of listing lines as they are asked for. Opens no file.

import { type Block, type BlockSum, type ListingEnd, sumOf } from '../files/entry.js';
import { compileFilter } from '../files/filter.js';
import { serveJobs, transferring } from '../files/threads.js';
import { walkBlocks } from '../files/walk.js';
import { blockLine, ENTRIES_PER_BLOCK, endLine } from './listing-lines.js';
import type { WalkChunk, WalkRequest } from './walk-lines.js';

const CHUNK_BYTES = 256 * 1024;

let blocks: Generator<Block, ListingEnd>;
let entries = 0;

serveJobs<WalkRequest, WalkChunk>((request) => {
  if ('ready' in request) return chunkOf([], 0, []);
  if ('walk' in request) {
    const { roots, filters, ...options } = request.walk;
    blocks = walkBlocks(roots, compileFilter(...filters), { ...options, entriesPerBlock: ENTRIES_PER_BLOCK });
    entries = 0;
  }
  const lines: Uint8Array[] = [];
  const sums: BlockSum[] = [];
  let length = 0;
  while (length < CHUNK_BYTES) {
    const step = blocks.next();
    // Made bytes at once: a long text of many pieces that lives on is what a collector of young garbage is slow at.
    const line = Buffer.from(step.done ? endLine(step.value) : blockLine(step.value));
    lines.push(line);
    length += line.length;
    if (step.done) return chunkOf(lines, length, sums, step.value);
    sums.push(sumOf(step.value));
    entries += step.value.entries.length;
  }
  return chunkOf(lines, length, sums);
});

function chunkOf(lines: Uint8Array[], length: number, sums: BlockSum[], end?: ListingEnd): WalkChunk {
  const bytes = new Uint8Array(length); // not from Buffer's pool, which cannot be handed over
  let at = 0;
  for (const line of lines) {
    bytes.set(line, at);
    at += line.length;
  }
  return transferring({ bytes, sums, entries, ...(end && { end }) }, [bytes.buffer]);
}
