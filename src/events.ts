// The closed union every run emits: the words of the story. Events carry no control; nothing in a run waits for one.

import type { EntryKey } from './files/entry.js';
import type {
  CopyReport,
  Difference,
  Iteration,
  OwnersReport,
  RootShare,
  Share,
  State,
  VerifyReport,
} from './report.js';

export type { Share };

/** What a plan does with one path; the itemised line of a dry run and of `--verbose`. */
export type Action = 'copy' | 'remove' | 'mkdir' | 'fix';

/** Why: `new` is absent here, the others differ from the source. `foreign` is absent at the source, `kind` is of another type. */
export type Reason = 'new' | 'size' | 'mtime' | 'digest' | 'kind' | 'foreign' | 'link-target' | 'mode' | 'owner';

export type Event =
  | {
      type: 'run-started';
      run: string;
      command: 'copy' | 'verify';
      source: string;
      roots: { key: string; path: string }[];
    }
  | { type: 'settings'; text: string } // an effective value the operator should know, such as a lowered concurrency
  | { type: 'warning'; text: string; details?: string[]; hint?: string }
  /** Whom the source's owners are taken for. */
  | ({ type: 'owners' } & OwnersReport)
  | { type: 'phase'; iteration: number; state: State | 'LISTING' | 'VERIFYING' }
  | {
      type: 'listed';
      side: 'source' | 'destination';
      entries: number;
      bytes: number;
      excluded: number;
      firstExcluded: EntryKey[];
      elapsedMs: number;
    }
  /** How far both listings have come, at most once a second. */
  | { type: 'listing'; source: number; destination: number }
  | { type: 'item'; action: Action; key: EntryKey; bytes: number; reason: Reason; dryRun: boolean }
  | {
      type: 'planned';
      iteration: number;
      download: Share;
      remove: Share;
      unchanged: Share;
      /** For the final pass; absent is none. */
      left?: Share;
      roots?: RootShare[];
      totalSize: number;
      totalFiles: number;
      matchRatio: number;
      dryRun: boolean;
    }
  | { type: 'removed'; iteration: number; entries: number; bytes: number }
  | {
      /** At most a few a second, while bytes move or digests are computed. `bytesDone` never passes `bytesTotal`. */
      type: 'progress';
      iteration: number;
      doing: 'download' | 'verify';
      bytesDone: number;
      bytesTotal: number;
      /** Of `bytesDone`, what an earlier run had left in parts: counted as done, never into the rate. Absent is 0. */
      bytesReused?: number;
      /** Whole files and links; no directories, and no parts of big files. */
      filesDone: number;
      filesTotal: number;
    }
  | { type: 'waiting'; who: string; leftMs: number } // for a process at the source to go; every few seconds
  /** Nothing of use has come of `what` for so long; again each time that has doubled. `alive`: signs of life came. */
  | { type: 'stalled'; what: string; forMs: number; alive: boolean }
  /**
   * After `waitMs`, and for `leftMs` at most if that bounds it. Of requests that wait for the same lost or busy source, one is named at a time.
   */
  | { type: 'retried'; what: string; attempt: number; waitMs: number; leftMs?: number; reason: string }
  | { type: 'recovered'; forMs: number } // the source gives again what it is asked for; it was lost for so long
  | { type: 'file-problem'; key: EntryKey; result: 'vanished' | 'changed' | 'failed'; message: string; side?: Side }
  | { type: 'difference'; difference: Difference }
  | { type: 'iteration-ended'; iteration: Iteration }
  | { type: 'copy-ended'; report: CopyReport; exitCode: number; message: string }
  | { type: 'verify-ended'; report: VerifyReport; exitCode: number; message: string };

/** Where a file could not be read, or was changed by somebody else; missing where that makes no difference. */
export type Side = 'source' | 'destination';

export type Emit = (event: Event) => void;
