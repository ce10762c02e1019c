// Leaves out of a listing what this side excludes: what either side excludes takes no part. Reads no patterns.

import { type Block, type EntryKey, joinKey, kindOf, type ListedBlock } from '../files/entry.js';
import { excludeNothing, type Filter } from '../files/filter.js';

/**
 * The blocks without excluded entries, and without all that lies below excluded directories. What is the same as a walk of this side
 * holds nothing excluded.
 */
export async function* withoutExcluded(
  blocks: AsyncIterable<ListedBlock>,
  excludes: Filter,
): AsyncGenerator<ListedBlock> {
  if (excludes === excludeNothing) return yield* blocks;
  const gone = new Set<EntryKey>();
  for await (const listed of blocks)
    yield {
      block: () => rest(listed.block(), excludes, gone),
      isSameAs: (walked, owners) => listed.isSameAs?.(walked, owners) === true,
    };
}

function rest(block: Block | undefined, excludes: Filter, gone: Set<EntryKey>): Block | undefined {
  if (!block) return undefined;
  if (gone.has(block.dir) || excludes(block.dir, 'directory')) {
    for (const row of block.rows) if (kindOf(row[3]) === 'directory') gone.add(joinKey(block.dir, row[0]));
    return undefined;
  }
  const rows = block.rows.filter((row) => {
    const key = joinKey(block.dir, row[0]);
    const directory = kindOf(row[3]) === 'directory';
    if (!excludes(key, directory ? 'directory' : 'file')) return true;
    if (directory) gone.add(key);
    return false;
  });
  return rows.length === block.rows.length ? block : { ...block, rows };
}
