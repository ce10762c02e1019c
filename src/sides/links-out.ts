// Finds the source's symbolic links that lead out of all roots of this host: a copy has the link, and not what it leads to. Follows none.

import { resolve } from 'node:path';
import { type EntryKey, joinKey } from '../files/entry.js';
import type { Block, ListedBlock } from '../files/listing.js';
import { isInside, pathOf, type Roots } from '../files/roots.js';

/** The same blocks; calls `onLinkOut` with each such link, by its text alone. */
export async function* watchForLinksOut(
  blocks: AsyncIterable<ListedBlock>,
  roots: Roots,
  onLinkOut: (key: EntryKey) => void,
): AsyncGenerator<ListedBlock> {
  const check = ({ dir, entries }: Block): void => {
    for (const { name, target } of entries)
      if (target !== undefined && leadsOut(roots, dir, target)) onLinkOut(joinKey(dir, name));
  };
  for await (const listed of blocks)
    yield {
      line: listed.line,
      block() {
        const block = listed.block();
        if (block) check(block);
        return block;
      },
      takeIfSame: (walked, owners) => !walked.sum.hasLink && listed.takeIfSame?.(walked, owners) === true,
    };
}

function leadsOut(roots: Roots, dir: EntryKey, target: string): boolean {
  const path = resolve(pathOf(roots, dir), target);
  return !roots.some((root) => isInside(path, root.path));
}
