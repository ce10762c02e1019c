// Leaves out of a listing what this side excludes: what either side excludes takes no part. Reads no patterns.

import { createHash } from 'node:crypto';
import {
  type Block,
  type EntryKey,
  type Exclusions,
  joinKey,
  type ListedBlock,
  type ListingHeader,
} from '../files/entry.js';
import { excludeNothing, type Filter } from '../patterns/filter.js';

/**
 * The blocks without excluded entries, each of which `leftOut` hears of, and without all that lies below excluded directories. What is
 * the same as a walk of this side holds nothing excluded.
 */
export async function* withoutExcluded(
  blocks: AsyncIterable<ListedBlock>,
  excludes: Filter,
  leftOut: (key: EntryKey) => void,
): AsyncGenerator<ListedBlock> {
  if (excludes === excludeNothing) return yield* blocks;
  const gone = new Set<EntryKey>();
  for await (const listed of blocks)
    yield {
      block: () => rest(listed.block(), excludes, gone, leftOut),
      takeIfSame: (walked, owners) => listed.takeIfSame?.(walked, owners) === true,
    };
}

/** Of both sides' patterns: runs that have the same left out the same. SHA-256, as hex. */
export const exclusionsSum = (here: Exclusions, { exclusions: there }: Pick<ListingHeader, 'exclusions'>): string =>
  createHash('sha256')
    .update(JSON.stringify([here, there]))
    .digest('hex');

function rest(
  block: Block | undefined,
  excludes: Filter,
  gone: Set<EntryKey>,
  leftOut: (key: EntryKey) => void,
): Block | undefined {
  if (!block) return undefined;
  if (gone.has(block.dir) || excludes(block.dir, 'directory')) {
    if (!gone.has(block.dir)) leftOut(block.dir); // a root: any other has been met as an entry
    gone.add(block.dir);
    for (const entry of block.entries) if (entry.kind === 'directory') gone.add(joinKey(block.dir, entry.name));
    return undefined;
  }
  const entries = block.entries.filter((entry) => {
    const key = joinKey(block.dir, entry.name);
    const directory = entry.kind === 'directory';
    if (!excludes(key, directory ? 'directory' : 'file')) return true;
    if (directory) gone.add(key);
    leftOut(key);
    return false;
  });
  return entries.length === block.entries.length ? block : { ...block, entries };
}
