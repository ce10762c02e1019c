// Worker thread: one walk at a time, handed over in chunks of listing lines as they are asked for. Opens no file.

import { type Block, type BlockSum, type ListingEnd, type Owner, sumOf } from '../files/entry.js';
import { compileFilter } from '../patterns/filter.js';
import { serveJobs, transferring } from '../threads/threads.js';
import { blockLine, ENTRIES_PER_BLOCK, endLine } from './listing-lines.js';
import { walkBlocks } from './walk.js';
import type { NewOwners, WalkChunk, WalkRequest } from './walk-lines.js';

const CHUNK_BYTES = 256 * 1024;

let blocks: Generator<Block, ListingEnd>;
let entries = 0;
/** Undefined where nobody asks for them. */
let met: { users: Set<number>; groups: Set<number> } | undefined;

serveJobs<WalkRequest, WalkChunk>((request) => {
  if ('ready' in request) return chunkOf([], 0, { sums: [] });
  if ('walk' in request) {
    const { roots, filters, newOwners, ...options } = request.walk;
    blocks = walkBlocks(roots, compileFilter(...filters), { ...options, entriesPerBlock: ENTRIES_PER_BLOCK });
    entries = 0;
    met = newOwners ? { users: new Set([0]), groups: new Set([0]) } : undefined;
  }
  const newOwners: NewOwners = { users: [], groups: [] };
  const lines: Uint8Array[] = [];
  const sums: BlockSum[] = [];
  let length = 0;
  while (length < CHUNK_BYTES) {
    const step = blocks.next();
    // Made bytes at once: a long text of many pieces that lives on is what a collector of young garbage is slow at.
    const line = Buffer.from(step.done ? endLine(step.value) : blockLine(step.value));
    lines.push(line);
    length += line.length;
    if (step.done) return chunkOf(lines, length, { sums, ...told(newOwners), end: step.value });
    if (met) meet(step.value, newOwners);
    sums.push(sumOf(step.value));
    entries += step.value.entries.length;
  }
  return chunkOf(lines, length, { sums, ...told(newOwners) });
});

function meet({ entries }: Block, news: NewOwners): void {
  let last: Owner | undefined;
  for (const { owner } of entries) {
    if (!owner || owner === last) continue; // neighbours of one owner share it
    last = owner;
    for (const [kind, id] of [
      ['users', owner.uid],
      ['groups', owner.gid],
    ] as const)
      if (!met![kind].has(id)) {
        met![kind].add(id);
        news[kind].push(id);
      }
  }
}

const told = (newOwners: NewOwners): Pick<WalkChunk, 'newOwners'> =>
  newOwners.users.length + newOwners.groups.length === 0 ? {} : { newOwners };

function chunkOf(lines: Uint8Array[], length: number, rest: Omit<WalkChunk, 'bytes' | 'entries'>): WalkChunk {
  const bytes = new Uint8Array(length); // not from Buffer's pool, which cannot be handed over
  let at = 0;
  for (const line of lines) {
    bytes.set(line, at);
    at += line.length;
  }
  return transferring({ bytes, entries, ...rest }, [bytes.buffer]);
}
