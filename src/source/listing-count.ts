// How many entries two listings have come to, said while they are read: of millions, nothing else would be heard for minutes.

import type { Emit } from '../events.js';
import type { ListedBlock, WalkedBlock } from '../files/entry.js';

const EVERY_MS = 1_000;

export interface ListingCount {
  source(blocks: AsyncIterable<ListedBlock>): AsyncGenerator<ListedBlock>;
  local(blocks: AsyncIterable<WalkedBlock>): AsyncGenerator<WalkedBlock>;
}

type Add = (side: 'source' | 'destination', entries: number) => void;

/** `now` is any clock in ms that only goes forward. */
export function entryCounter(emit: Emit, now: () => number = () => performance.now()): Add {
  const found = { source: 0, destination: 0 };
  let saidMs = now();
  return (side, entries) => {
    found[side] += entries;
    if (now() - saidMs < EVERY_MS) return;
    saidMs = now();
    emit({ type: 'listing', ...found });
  };
}

/** Of listings that are read together. */
export function countListing(emit: Emit, now?: () => number): ListingCount {
  const add = entryCounter(emit, now);
  return {
    async *source(blocks) {
      for await (const listed of blocks)
        yield {
          block() {
            const block = listed.block();
            add('source', block?.entries.length ?? 0);
            return block;
          },
          takeIfSame(walked, owners) {
            const same = listed.takeIfSame?.(walked, owners) === true;
            if (same) add('source', walked.sum.entries);
            return same;
          },
        };
    },
    async *local(blocks) {
      for await (const walked of blocks) {
        add('destination', walked.sum.entries);
        yield walked;
      }
    },
  };
}
