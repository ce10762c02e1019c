// Whether a key is in either of two listings, and how far the way to it leads. Watches blocks pass by and holds up none.

import { type EntryKey, isWithin, type ListedBlock, parentOf, rootOf, type WalkedBlock } from '../files/entry.js';
import type { BothSides } from './both-sides.js';

/** What became of the key a run is confined to; final once both listings have come to their ends. */
export interface Selected {
  key: EntryKey;
  /** On either side. */
  found(): boolean;
  /** The last directory on the way to it that either side has; its root at least. */
  reached(): EntryKey;
  /** Out of reach because of a pattern of either side. */
  isExcluded: boolean;
}

/** The same listings, of the part `key` alone: beside the way to it they hold nothing. */
export function lookOutFor(
  key: EntryKey,
  { source, local, isExcluded }: Pick<BothSides, 'source' | 'local' | 'isExcluded'>,
): Pick<BothSides, 'source' | 'local'> & { selected: Selected } {
  let found = false;
  let reached = rootOf(key);
  const see = (dir: EntryKey, entries: number): void => {
    if (!isWithin(key, dir)) return;
    if (dir.length > reached.length) reached = dir;
    if (dir === key || (dir === parentOf(key) && entries > 0)) found = true;
  };
  return {
    source: seenIn(source, see),
    local: seenHere(local, see),
    selected: { key, found: () => found, reached: () => reached, isExcluded: isExcluded(key) },
  };
}

type See = (dir: EntryKey, entries: number) => void;

/** A block that is found the same as one of this host is not taken apart: the other will have been seen. */
async function* seenIn(blocks: AsyncIterable<ListedBlock>, see: See): AsyncGenerator<ListedBlock> {
  for await (const listed of blocks)
    yield {
      block() {
        const block = listed.block();
        if (block) see(block.dir, block.entries.length);
        return block;
      },
      takeIfSame: (walked, owners) => listed.takeIfSame?.(walked, owners) === true,
    };
}

async function* seenHere(blocks: AsyncIterable<WalkedBlock>, see: See): AsyncGenerator<WalkedBlock> {
  for await (const walked of blocks) {
    see(walked.sum.dir, walked.sum.entries);
    yield walked;
  }
}
