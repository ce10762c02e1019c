// Counts the entries of two listings while they are read, and emits the counts each second: a listing of millions takes minutes.

import type { Emit } from '../events.js';
import type { ListedBlock, WalkedBlock } from '../files/listing.js';

const EVERY_MS = 1_000;

interface ListingCount {
  source(blocks: AsyncIterable<ListedBlock>): AsyncGenerator<ListedBlock>;
  local(blocks: AsyncIterable<WalkedBlock>): AsyncGenerator<WalkedBlock>;
}

type Add = (side: 'source' | 'destination', entries: number) => void;

/** `now` is a clock in ms that only goes forward. */
export function entryCounter(emit: Emit, now: () => number = () => performance.now()): Add {
  const found = { source: 0, destination: 0 };
  let emittedMs = now();
  return (side, entries) => {
    found[side] += entries;
    if (now() - emittedMs < EVERY_MS) return;
    emittedMs = now();
    emit({ type: 'listing', ...found });
  };
}

/** Counts two listings that are read together. */
export function countListing(emit: Emit, now?: () => number): ListingCount {
  const add = entryCounter(emit, now);
  return {
    async *source(blocks) {
      for await (const listed of blocks)
        yield {
          line: listed.line,
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
