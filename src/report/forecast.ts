// What the final pass and its verification would take if the source were stopped now, and how that changes from pass to pass. Shapes only.

import type { EntryKey } from '../files/entry.js';
import type { DowntimePart } from './downtime.js';
import type { Share } from './parts.js';

/** Whether more passes shorten the final one, leave it as it is, or the source changes faster than they copy. */
export type Trend = 'converging' | 'flat' | 'diverging';

export interface Forecast {
  /** When the survey by which it was made had ended, in ms since the epoch. */
  atMs: number;
  /** Of the final copy, and of the verification after it: an incremental one, of a Sidecar a full one. */
  copyMs: number;
  verifyMs: number;
  /** They add up to both. */
  parts: { name: DowntimePart; ms: number }[];
  /** What the final pass would fetch: what differs, hot files, and of Cassandra what a drain may flush. */
  fetch: Share;
  /** What the verification would read, as no earlier one has. */
  read: Share;
  /** Only of a source with commit logs: their bytes, which a drain may turn into SSTables; counted in `fetch` in their stead. */
  drainBytes?: number;
  /** Only of a source with commit logs: Cassandra's, and whether cassandra.yaml of this host says so. */
  hintWindow?: { ms: number; stated: boolean };
  /** By how many ms it grows with each second for which the source goes on as it did between the last two listings, and up to what. */
  growth?: { msPerSecond: number; upToMs: number };
  /** Since the listing before, of the same run; absent in the first pass. */
  change?: Change;
}

export interface Change {
  trend: Trend;
  /** Between the beginnings of the two listings. */
  overMs: number;
  /** What differs now, and so has changed since, or could not be copied. */
  changed: Share;
  changedBytesPerSecond: number;
  /** At which as much is fetched; absent where nothing is to be. */
  copiedBytesPerSecond?: number;
  /** The subtrees with most of it, the largest first. */
  subtrees: ({ key: EntryKey } & Share)[];
}
