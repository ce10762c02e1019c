// A walk of local roots as listing lines, made in a worker thread: what the agent sends and what the client compares it with.

import type { BlockSum, ListingEnd, WalkedBlock } from '../files/entry.js';
import type { Roots } from '../files/roots.js';
import type { FilterSpec } from '../patterns/filter.js';
import { createPool, type Pool } from '../threads/threads.js';
import { textOf } from '../wire/lines.js';
import { blockOf } from './listing-lines.js';
import type { WalkOptions } from './walk.js';

export interface WalkJob extends Omit<WalkOptions, 'entriesPerBlock'> {
  roots: Roots;
  filters: FilterSpec[];
  /** Whether each chunk tells which numbers of owners are new in it. */
  newOwners?: boolean;
}

/** Numbers that were not met before in the same walk. Root's is not told: it means the same everywhere. */
export interface NewOwners {
  users: number[];
  groups: number[];
}

export type WalkRequest = { walk: WalkJob } | { next: true } | { ready: true };

export interface WalkChunk {
  /** Block lines, and at the end the end line. */
  bytes: Uint8Array;
  /** One a block line. */
  sums: BlockSum[];
  /** Entries so far, of this chunk and those before it. */
  entries: number;
  end?: ListingEnd;
  /** Of its entries, where the job asked for them and there are any. */
  newOwners?: NewOwners;
}

/**
 * Walks one at a time or several at once. A thread that has done its walk waits for the next, because starting one takes longer than
 * many a walk.
 */
export interface Walker {
  /**
   * In chunks of about 256 KiB; the thread is at most one chunk ahead of its reader. `found` hears of each, also of one that nobody
   * comes to read. `gone` aborts: the thread ends at once, in the middle of a chunk, and so does the walk.
   */
  walk(job: WalkJob, found?: Found, gone?: AbortSignal): AsyncGenerator<WalkChunk>;
  close(): Promise<void>;
}

type Found = (sums: readonly BlockSum[]) => void;
type Thread = Pool<WalkRequest, WalkChunk>;

/** Starts a thread at once: it is ready when the first walk is asked for. */
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
        ); // whoever stops reading early closes the thread, which rejects it
        return chunk;
      };
      let ended = false;
      let ahead = run({ walk: job });
      try {
        while (!ended) {
          const chunk = await ahead;
          ended = chunk.end !== undefined;
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
  thread.run({ ready: true }).catch(() => {}); // its first walk will say what is wrong with it
  return thread;
}

export interface Walk {
  blocks: AsyncIterable<WalkedBlock>;
  /** Throws until `blocks` has been read to its end. */
  end(): ListingEnd;
}

/** This host's own listing, block by block; for `found`, see `Walker.walk`. `keep` is given its block lines, many at a time. */
export function walkHere(walker: Walker, job: WalkJob, found?: Found, keep?: (lines: Uint8Array) => void): Walk {
  let proof: ListingEnd | undefined;
  const read = async function* (): AsyncGenerator<WalkedBlock> {
    for await (const { bytes, sums, end } of walker.walk(job, found)) {
      keep?.(end ? bytes.subarray(0, bytes.lastIndexOf(NEWLINE, -2) + 1) : bytes);
      let at = 0;
      for (const sum of sums) {
        const line = bytes.subarray(at, bytes.indexOf(NEWLINE, at));
        at += line.length + 1;
        yield { sum, line, block: () => blockOf(JSON.parse(textOf(line)) as unknown[]) };
      }
      proof = end;
    }
  };
  return {
    blocks: read(),
    end() {
      if (!proof) throw new Error('the walk has not come to its end');
      return proof;
    },
  };
}

const NEWLINE = 10;
