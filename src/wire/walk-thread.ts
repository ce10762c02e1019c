// Worker thread: one walk, handed over in chunks of listing lines as they are asked for. Opens no file.

import type { Block, ListingEnd } from '../files/entry.js';
import { compileFilter } from '../files/filter.js';
import { serveJobs, transferring } from '../files/threads.js';
import { walkBlocks } from '../files/walk.js';
import { blockLine, endLine, ROWS_PER_BLOCK } from './listing.js';
import type { WalkChunk, WalkRequest } from './walk-lines.js';

const CHUNK_CHARACTERS = 256 * 1024;

let blocks: Generator<Block, ListingEnd>;
let entries = 0;

serveJobs<WalkRequest, WalkChunk>((request) => {
  if ('walk' in request) {
    const { roots, filters, only, absent = [] } = request.walk;
    blocks = walkBlocks(roots, compileFilter(...filters), { only, absent, rowsPerBlock: ROWS_PER_BLOCK });
  }
  let text = '';
  while (text.length < CHUNK_CHARACTERS) {
    const step = blocks.next();
    text += step.done ? endLine(step.value) : blockLine(step.value);
    if (step.done) return chunkOf(text, true);
    entries += step.value.rows.length;
  }
  return chunkOf(text, false);
});

function chunkOf(text: string, last: boolean): WalkChunk {
  const bytes = new TextEncoder().encode(text);
  return transferring({ bytes, last, entries }, [bytes.buffer as ArrayBuffer]);
}
