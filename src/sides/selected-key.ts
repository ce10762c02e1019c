// Finds out while two listings are read whether either has a given key, and how much of the path to it exists.

import { type EntryKey, isWithin, parentOf, rootOf } from '../files/entry.js';
import type { ListedBlock, WalkedBlock } from '../files/listing.js';
import type { Listings } from './listings.js';

/** The key that a run is limited to, as the listings have it; final once both have been read to their ends. */
export interface Selected {
  key: EntryKey;
  /** Whether either side has it. */
  found(): boolean;
  /** The deepest directory on the path to it that either side has; at least its root. */
  reached(): EntryKey;
  /** Whether a pattern of either side excludes it. */
  isExcluded: boolean;
}

/** The same listings, which hold nothing beside `key` and the path to it, and what they show of `key`. */
export function watchForKey(
  key: EntryKey,
  { source, local, isExcluded }: Pick<Listings, 'source' | 'local' | 'isExcluded'>,
): Pick<Listings, 'source' | 'local'> & { selected: Selected } {
  let found = false;
  let reached = rootOf(key);
  const note = (dir: EntryKey, entries: number): void => {
    if (!isWithin(key, dir)) return;
    if (dir.length > reached.length) reached = dir;
    if (dir === key || (dir === parentOf(key) && entries > 0)) found = true;
  };
  return {
    source: watchSource(source, note),
    local: watchLocal(local, note),
    selected: { key, found: () => found, reached: () => reached, isExcluded: isExcluded(key) },
  };
}

type Note = (dir: EntryKey, entries: number) => void;

/** A block that equals one of this host's walk need not be parsed: `watchLocal` has noted the other. */
async function* watchSource(blocks: AsyncIterable<ListedBlock>, note: Note): AsyncGenerator<ListedBlock> {
  for await (const listed of blocks)
    yield {
      line: listed.line,
      block() {
        const block = listed.block();
        if (block) note(block.dir, block.entries.length);
        return block;
      },
      takeIfSame: (walked, owners) => listed.takeIfSame?.(walked, owners) === true,
    };
}

async function* watchLocal(blocks: AsyncIterable<WalkedBlock>, note: Note): AsyncGenerator<WalkedBlock> {
  for await (const walked of blocks) {
    note(walked.sum.dir, walked.sum.entries);
    yield walked;
  }
}
