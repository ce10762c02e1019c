// A walk of local roots as listing lines, made in a worker thread: what the agent sends and what the client reads of itself.

import type { EntryKey, RootKey } from '../files/entry.js';
import type { FilterSpec } from '../files/filter.js';
import type { Roots } from '../files/roots.js';
import { createPool } from '../files/threads.js';

export interface WalkJob {
  roots: Roots;
  filters: FilterSpec[];
  only?: EntryKey | undefined;
  /** Roots that are not there and count as empty. */
  absent?: readonly RootKey[];
}

export type WalkRequest = { walk: WalkJob } | { next: true };

export interface WalkChunk {
  bytes: Uint8Array;
  last: boolean;
  /** Rows so far, of this chunk and those before it. */
  entries: number;
}

/**
 * Block lines and the end line, in chunks of about 256 KiB; the thread is at most one chunk ahead of its reader.
 * `told` hears how many entries the walk has found, before each chunk.
 */
export async function* walkLines(job: WalkJob, told?: (entries: number) => void): AsyncGenerator<Uint8Array> {
  const thread = createPool<WalkRequest, WalkChunk>(new URL('./walk-thread.js', import.meta.url), 1);
  try {
    let ahead = thread.run({ walk: job });
    for (;;) {
      const { bytes, last, entries } = await ahead;
      told?.(entries);
      if (!last) {
        ahead = thread.run({ next: true });
        ahead.catch(() => {}); // whoever stops reading early closes the thread, which rejects it
      }
      yield bytes;
      if (last) return;
    }
  } finally {
    await thread.close();
  }
}
