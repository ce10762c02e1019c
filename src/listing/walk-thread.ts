// The worker thread of a walk: runs one walk at a time and answers each request with a chunk of listing lines.

import type { Owner } from '../files/entry.js';
import { type Block, type BlockSum, type ListingTotals, sumOf } from '../files/listing.js';
import { compileFilter } from '../patterns/filter.js';
import { serveJobs, transferring } from '../threads/threads.js';
import { blockLine, ENTRIES_PER_BLOCK, endLine } from './listing-lines.js';
import { walkBlocks } from './walk.js';
import type { NewOwners, WalkChunk, WalkRequest } from './walk-lines.js';

const CHUNK_BYTES = 256 * 1024;

let blocks: Generator<Block, ListingTotals>;
let entries = 0;
/** Undefined unless the job requests them. */
let seenOwners: { users: Set<number>; groups: Set<number> } | undefined;

serveJobs<WalkRequest, WalkChunk>((request) => {
  if ('ready' in request) return chunkOf([], 0, { sums: [] });
  if ('walk' in request) {
    const { roots, filters, newOwners, ...options } = request.walk;
    blocks = walkBlocks(roots, compileFilter(...filters), { ...options, entriesPerBlock: ENTRIES_PER_BLOCK });
    entries = 0;
    seenOwners = newOwners ? { users: new Set([0]), groups: new Set([0]) } : undefined;
  }
  const newOwners: NewOwners = { users: [], groups: [] };
  const lines: Uint8Array[] = [];
  const sums: BlockSum[] = [];
  let length = 0;
  while (length < CHUNK_BYTES) {
    const step = blocks.next();
    // Turned into bytes at once: V8's collector of young objects is slow with long strings of many pieces that stay alive.
    const line = Buffer.from(step.done ? endLine(step.value) : blockLine(step.value));
    lines.push(line);
    length += line.length;
    if (step.done) return chunkOf(lines, length, { sums, ...newOwnersMember(newOwners), totals: step.value });
    if (seenOwners) noteOwners(step.value, newOwners);
    sums.push(sumOf(step.value));
    entries += step.value.entries.length;
  }
  return chunkOf(lines, length, { sums, ...newOwnersMember(newOwners) });
});

function noteOwners({ entries }: Block, newOwners: NewOwners): void {
  let last: Owner | undefined;
  for (const { owner } of entries) {
    if (!owner || owner === last) continue; // neighbours of one owner share it
    last = owner;
    for (const [kind, id] of [
      ['users', owner.uid],
      ['groups', owner.gid],
    ] as const)
      if (!seenOwners![kind].has(id)) {
        seenOwners![kind].add(id);
        newOwners[kind].push(id);
      }
  }
}

const newOwnersMember = (newOwners: NewOwners): Pick<WalkChunk, 'newOwners'> =>
  newOwners.users.length + newOwners.groups.length === 0 ? {} : { newOwners };

function chunkOf(lines: Uint8Array[], length: number, rest: Omit<WalkChunk, 'bytes' | 'entries'>): WalkChunk {
  const bytes = new Uint8Array(length); // not from Buffer's pool, which cannot be transferred
  let at = 0;
  for (const line of lines) {
    bytes.set(line, at);
    at += line.length;
  }
  return transferring({ bytes, entries, ...rest }, [bytes.buffer]);
}
