// Leaves out of a listing what this side excludes: what either side excludes takes no part. Reads no patterns.

import { type Block, type EntryKey, joinKey, kindOf } from '../files/entry.js';
import { excludeNothing, type Filter } from '../files/filter.js';

/** The blocks without excluded entries, and without all that lies below excluded directories. */
export async function* withoutExcluded(blocks: AsyncIterable<Block>, excludes: Filter): AsyncGenerator<Block> {
  if (excludes === excludeNothing) return yield* blocks;
  const gone = new Set<EntryKey>();
  for await (const block of blocks) {
    if (gone.has(block.dir)) {
      for (const row of block.rows) if (kindOf(row[3]) === 'directory') gone.add(joinKey(block.dir, row[0]));
      continue;
    }
    const rows = block.rows.filter((row) => {
      const key = joinKey(block.dir, row[0]);
      const directory = kindOf(row[3]) === 'directory';
      if (!excludes(key, directory ? 'directory' : 'file')) return true;
      if (directory) gone.add(key);
      return false;
    });
    yield rows.length === block.rows.length ? block : { ...block, rows };
  }
}
