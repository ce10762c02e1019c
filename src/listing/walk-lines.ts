// Walks local roots in a worker thread and hands over listing lines: those that the agent sends, or that a client compares with them.

import type { BlockSum, ListingTotals, WalkedBlock } from '../files/listing.js';
import type { Roots } from '../files/roots.js';
import type { FilterSpec } from '../patterns/filter.js';
import { createPool, type Pool } from '../threads/threads.js';
import { textOf } from '../wire/lines.js';
import { blockOf } from './listing-lines.js';
import type { WalkOptions } from './walk.js';

export interface WalkJob extends Omit<WalkOptions, 'entriesPerBlock'> {
  roots: Roots;
  filters: FilterSpec[];
  /** Whether each chunk has the numbers of owners that are new in it. */
  newOwners?: boolean;
}

/** Numbers that come for the first time in a walk. Root's is left out: it means the same everywhere. */
export interface NewOwners {
  users: number[];
  groups: number[];
}

export type WalkRequest = { walk: WalkJob } | { next: true } | { ready: true };

export interface WalkChunk {
  /** Lines of blocks; the last chunk has the end line too. */
  bytes: Uint8Array;
  /** One for each block line. */
  sums: BlockSum[];
  /** Entries of this chunk and those before it. */
  entries: number;
  totals?: ListingTotals;
  /** Those of its entries, where the job requests them and there are any. */
  newOwners?: NewOwners;
}

/**
 * Runs one walk or several at once. A thread that has finished its walk waits for the next, because starting a thread takes longer than
 * many a walk.
 */
export interface Walker {
  /**
   * Yields chunks of about 256 KiB; the thread is at most one chunk ahead of its reader. `found` is called with each chunk, also with one
   * that is not read any more. An abort of `gone` ends the thread at once, in the middle of a chunk, and so the walk.
   */
  walk(job: WalkJob, found?: OnFound, gone?: AbortSignal): AsyncGenerator<WalkChunk>;
  close(): Promise<void>;
}

type OnFound = (sums: readonly BlockSum[]) => void;
type Thread = Pool<WalkRequest, WalkChunk>;

/** Starts a thread at once, so that it is ready when the first walk is requested. */
export function createWalker(): Walker {
  let spare: Thread | undefined = startThread();
  let closed = false;
  return {
    async *walk(job, found, gone) {
      gone?.throwIfAborted();
      const thread = spare ?? startThread();
      spare = undefined;
      const end = (): void => void thread.close();
      gone?.addEventListener('abort', end, { once: true });
      const run = (request: WalkRequest): Promise<WalkChunk> => {
        const chunk = thread.run(request);
        chunk.then(
          ({ sums }) => found?.(sums),
          () => {},
        ); // a reader that stops early closes the thread, which rejects it
        return chunk;
      };
      let ended = false;
      let ahead = run({ walk: job });
      try {
        while (!ended) {
          const chunk = await ahead;
          ended = chunk.totals !== undefined;
          if (!ended) ahead = run({ next: true });
          yield chunk;
        }
      } finally {
        gone?.removeEventListener('abort', end);
        if (found) await ahead.catch(() => {});
        if (ended && !spare && !closed && !gone?.aborted) spare = thread;
        else await thread.close();
      }
    },
    async close() {
      closed = true;
      await spare?.close();
    },
  };
}

function startThread(): Thread {
  const thread: Thread = createPool(new URL('./walk-thread.js', import.meta.url), 1);
  thread.run({ ready: true }).catch(() => {}); // its first walk will report what is wrong with it
  return thread;
}

interface Walk {
  blocks: AsyncIterable<WalkedBlock>;
  /** Throws until `blocks` has been read to its end. */
  totals(): ListingTotals;
}

/** Yields this host's own listing, block by block. For `found`, see `Walker.walk`. `keep` is called with its block lines, many at a time. */
export function walkHere(walker: Walker, job: WalkJob, found?: OnFound, keep?: (lines: Uint8Array) => void): Walk {
  let result: ListingTotals | undefined;
  const read = async function* (): AsyncGenerator<WalkedBlock> {
    for await (const { bytes, sums, totals } of walker.walk(job, found)) {
      keep?.(totals ? bytes.subarray(0, bytes.lastIndexOf(NEWLINE, -2) + 1) : bytes);
      let at = 0;
      for (const sum of sums) {
        const line = bytes.subarray(at, bytes.indexOf(NEWLINE, at));
        at += line.length + 1;
        yield { sum, line, block: () => blockOf(JSON.parse(textOf(line)) as unknown[]) };
      }
      result = totals;
    }
  };
  return {
    blocks: read(),
    totals() {
      if (!result) throw new Error('the walk has not come to its end');
      return result;
    },
  };
}

const NEWLINE = 10;
