// Drops from the source's listing the entries that this side excludes: an entry that either side excludes takes no part.

import { createHash } from 'node:crypto';
import { type EntryKey, joinKey } from '../files/entry.js';
import type { Block, Exclusions, ListedBlock, ListingHeader } from '../files/listing.js';
import { excludeNothing, type Filter } from '../patterns/filter.js';

/**
 * The blocks without excluded entries and without all that lies below excluded directories. Calls `onExcluded` with each excluded entry.
 * A block that equals one of this host's walk holds nothing excluded.
 */
export async function* withoutExcluded(
  blocks: AsyncIterable<ListedBlock>,
  excludes: Filter,
  onExcluded: (key: EntryKey) => void,
): AsyncGenerator<ListedBlock> {
  if (excludes === excludeNothing) return yield* blocks;
  const excludedDirs = new Set<EntryKey>();
  for await (const listed of blocks)
    yield {
      line: listed.line,
      block: () => withoutThem(listed.block(), excludes, excludedDirs, onExcluded),
      takeIfSame: (walked, owners) => listed.takeIfSame?.(walked, owners) === true,
    };
}

/** A hash of both sides' patterns, as hex of SHA-256: runs with the same hash exclude the same. */
export const exclusionsSum = (here: Exclusions, { exclusions: there }: Pick<ListingHeader, 'exclusions'>): string =>
  createHash('sha256')
    .update(JSON.stringify([here, there]))
    .digest('hex');

function withoutThem(
  block: Block | undefined,
  excludes: Filter,
  excludedDirs: Set<EntryKey>,
  onExcluded: (key: EntryKey) => void,
): Block | undefined {
  if (!block) return undefined;
  if (excludedDirs.has(block.dir) || excludes(block.dir, 'directory')) {
    if (!excludedDirs.has(block.dir)) onExcluded(block.dir); // only for a root: any other directory was reported as an entry
    excludedDirs.add(block.dir);
    for (const entry of block.entries) if (entry.kind === 'directory') excludedDirs.add(joinKey(block.dir, entry.name));
    return undefined;
  }
  const entries = block.entries.filter((entry) => {
    const key = joinKey(block.dir, entry.name);
    const directory = entry.kind === 'directory';
    if (!excludes(key, directory ? 'directory' : 'file')) return true;
    if (directory) excludedDirs.add(key);
    onExcluded(key);
    return false;
  });
  return entries.length === block.entries.length ? block : { ...block, entries };
}
