// What a forecast is made from. Shapes only.

import type { Change } from '../report/forecast.js';
import type { Share } from '../report/parts.js';
import type { Sample } from './cost.js';

/** What earlier passes and verifications have taken. */
export interface Measured {
  /** The oldest first: from the beginning of a download until all of it was on disk. */
  fetches: Sample[];
  /** The oldest first: of a verification, from its listing to its end. */
  reads: Sample[];
  /** What a copy takes beside surveys and downloads: connecting, guards, records. Undefined before one has ended. */
  overheadMs: number | undefined;
}

/** What a survey of a source in use has found. */
export interface Surveyed {
  /** When it had ended, in ms since the epoch, and how long it took. */
  atMs: number;
  tookMs: number;
  /** When its listing began, by a clock that goes on evenly. */
  listedMs: number;
  total: Share;
  /** What differs, and hot files, which are left for the final pass. */
  open: Share;
  /** Of `open`, the largest first. */
  subtrees: Change['subtrees'];
  /**
   * How many commit logs there are, and what is written in them, for they are made in their full size; `open`: those of `open` above. A drain
   * flushes them into SSTables, and leaves none. Undefined without a root of them.
   */
  commitLogs: { entries: number; writtenBytes: number; open: Share } | undefined;
  /** Bytes that a final pass compares by digest whatever their times say, without commit logs. */
  digestedBytes: number;
  /** What no verification has read since it came. */
  unread: Share;
  /** Whether what a verification has read need not be read again. */
  keepsProofs: boolean;
  /** Cassandra's. */
  hintWindow: { ms: number; stated: boolean };
}
