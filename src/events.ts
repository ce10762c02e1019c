// The closed union of events that every run emits. Events only inform: nothing in a run waits for one or depends on one.

import type { ErrorKind } from './errors/kinds.js';
import type { EntryKey } from './files/entry.js';
import type { CopyReport, Iteration, RootShare, State } from './report/copy-report.js';
import type { Downtime } from './report/downtime.js';
import type { Forecast } from './report/forecast.js';
import type { CheckReport, OwnersReport, Share } from './report/parts.js';
import type { Difference, Repair, VerifyReport } from './report/verify-report.js';

export type { Share };

/** What a plan does with one path, as a dry run and `--verbose` list it. */
export type Action = 'copy' | 'remove' | 'mkdir' | 'fix';

/**
 * Why the plan does so. `new`: absent at the destination; `foreign`: absent at the source; `kind`: another type of entry there. The
 * others name what differs.
 */
export type Reason = 'new' | 'size' | 'mtime' | 'digest' | 'kind' | 'foreign' | 'link-target' | 'mode' | 'owner';

/** What a run does beside the Sidecar's states. */
type OtherPhase = 'WAITING' | 'LISTING' | 'COMPARING' | 'SYNCING' | 'VERIFYING' | 'REPAIRING';

export type Event =
  | {
      type: 'run-started';
      run: string;
      command: 'copy' | 'verify';
      source: string;
      roots: { key: string; path: string }[];
    }
  /** What the run keeps to from here on, and why: how it was started, a timetable, or `lm limit`. Null is no limit. */
  | { type: 'limit'; by: 'start' | 'clock' | 'operator'; text: string; bytesPerSecond: number | null }
  | { type: 'settings'; text: string } // a value in force that the operator should know, such as a lowered concurrency
  /** `refuses`: of a dry run, which error a real run would end with. */
  | { type: 'warning'; text: string; details?: string[]; hint?: string; refuses?: ErrorKind }
  /** Which users and groups of this host the source's owners are mapped to. */
  | ({ type: 'owners' } & OwnersReport)
  /**
   * What a run does from here on: a state of the Sidecar, or what these do not tell of. WAITING: for the source to stand still; COMPARING:
   * digests of what times do not prove; SYNCING: until all of it is on disk and recorded;
   * REPAIRING: what --repair does after the comparison.
   */
  | { type: 'phase'; iteration: number; state: State | OtherPhase }
  | {
      type: 'listed';
      side: 'source' | 'destination';
      entries: number;
      bytes: number;
      excluded: number;
      firstExcluded: EntryKey[];
      elapsedMs: number;
    }
  /** How many entries both listings have so far, at most once a second. */
  | { type: 'listing'; source: number; destination: number }
  | { type: 'item'; action: Action; key: EntryKey; bytes: number; reason: Reason; dryRun: boolean }
  | {
      type: 'planned';
      iteration: number;
      download: Share;
      remove: Share;
      unchanged: Share;
      /** Left for the final pass; absent is none. */
      left?: Share;
      roots?: RootShare[];
      totalSize: number;
      totalFiles: number;
      matchRatio: number;
      dryRun: boolean;
    }
  /** What the final pass would take if the source were stopped now. Follows `planned`, where that tells enough of it. */
  | { type: 'forecast'; iteration: number; forecast: Forecast }
  /** `first`: the first ten of the plan. */
  | { type: 'removed'; iteration: number; entries: number; bytes: number; first?: EntryKey[] }
  | {
      /** At most a few a second, while bytes move or digests are computed. `bytesDone` never passes `bytesTotal`. */
      type: 'progress';
      iteration: number;
      doing: 'compare' | 'download' | 'verify' | 'repair';
      bytesDone: number;
      bytesTotal: number;
      /** The share of `bytesDone` that an earlier run had left in parts: counted as done, but not in the rate. Absent is 0. */
      bytesReused?: number;
      /** Whole files and links; no directories, and no parts of big files. */
      filesDone: number;
      filesTotal: number;
      /** How fast each end may read that makes room for others who wait for its disks, and what share of the last second these waited. */
      yielding?: Partial<Record<Side, { bytesPerSecond: number; pressure: number }>>;
    }
  | { type: 'post-check-began'; command: string }
  /** A command of the operator's has ended: --pre-check, before the pass `iteration`, or --post-check. */
  | { type: 'checked'; which: 'pre-check' | 'post-check'; iteration: number; check: CheckReport }
  | { type: 'waiting'; who: string; leftMs: number } // until a process at the source ends; every few seconds
  /** `what` has sent nothing of use for `forMs`; emitted again each time that has doubled. `alive`: it did send signs of life. */
  | { type: 'stalled'; what: string; forMs: number; alive: boolean }
  /**
   * The next try comes after `waitMs`, and tries go on for `leftMs` at most where there is such a bound. Where several requests wait for
   * the same lost or busy source, one is named at a time.
   */
  | { type: 'retried'; what: string; attempt: number; waitMs: number; leftMs?: number; reason: string }
  | { type: 'recovered'; forMs: number } // the source answers again after it was lost for `forMs`
  | { type: 'file-problem'; key: EntryKey; result: 'vanished' | 'changed' | 'failed'; message: string; side?: Side }
  | { type: 'difference'; difference: Difference }
  /** Of a verification with --repair: how it ended for a file. */
  | { type: 'repaired'; repair: Repair }
  | { type: 'iteration-ended'; iteration: Iteration }
  /** `downtime`: after a final pass that has succeeded; of a verification, unless the source was in use. */
  | { type: 'copy-ended'; report: CopyReport; exitCode: number; message: string; downtime?: Downtime }
  | { type: 'verify-ended'; report: VerifyReport; exitCode: number; message: string; downtime?: Downtime };

/** The host on which a file could not be read, or was changed by somebody else; absent where that makes no difference. */
export type Side = 'source' | 'destination';

export type Emit = (event: Event) => void;
