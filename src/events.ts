// The closed union every run emits: the words of the story. Events carry no control; nothing in a run waits for one.

import type { EntryKey } from './files/entry.js';
import type { CopyReport, Difference, Iteration, State, VerifyReport } from './report.js';

export interface Share {
  entries: number;
  bytes: number;
}

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
  | { type: 'warning'; text: string; hint?: string }
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
  | { type: 'item'; action: Action; key: EntryKey; bytes: number; reason: Reason; dryRun: boolean }
  | {
      type: 'planned';
      iteration: number;
      download: Share;
      remove: Share;
      unchanged: Share;
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
      filesDone: number;
      filesTotal: number;
    }
  | { type: 'retried'; what: string; attempt: number; waitMs: number; reason: string }
  | { type: 'file-problem'; key: EntryKey; result: 'vanished' | 'changed' | 'failed'; message: string }
  | { type: 'difference'; difference: Difference }
  | { type: 'iteration-ended'; iteration: Iteration }
  | { type: 'copy-ended'; report: CopyReport; exitCode: number; message: string }
  | { type: 'verify-ended'; report: VerifyReport; exitCode: number; message: string };

export type Emit = (event: Event) => void;
