// What the transfer of a plan goes by, and how what became of a file is counted and told.

import type { ClosedDirectories } from '../disk/closed-directories.js';
import type { Disk } from '../disk/disk.js';
import type { LmError } from '../errors.js';
import type { Emit } from '../events.js';
import { type EntryKey, FIRST_FEW } from '../files/entry.js';
import type { ChangedFiles } from '../plan/hot-files.js';
import type { YoungFiles } from '../plan/young-files.js';
import type { Iteration } from '../report.js';
import type { Source } from '../source/source.js';
import type { FileProblem } from './lane-jobs.js';
import type { Lanes } from './lanes.js';
import type { PartJournal } from './parts.js';

export interface TransferContext {
  lanes: Lanes;
  /** The main thread's own hands, for big files. */
  disk: Disk;
  journal: PartJournal;
  young: Pick<YoungFiles, 'add'>;
  changed: ChangedFiles;
  closed: ClosedDirectories | undefined;
  concurrency: number;
  source: Pick<Source, 'url' | 'contact' | 'retrying'>;
  emit: Emit;
  signal: AbortSignal;
  /** Stops the run; `signal` is this controller's. */
  abort(error: LmError | Error): void;
}

/** A file that was not published, or could not be. */
export function report(problem: FileProblem, iteration: Iteration, { changed, emit }: TransferContext): void {
  if (problem.result === 'vanished') {
    iteration.filesVanished++;
    iteration.firstVanished = firstFew(iteration.firstVanished, problem.key);
  } else if (problem.result === 'changed') {
    iteration.filesChanged++;
    changed.add(problem.key);
    iteration.firstChanged = firstFew(iteration.firstChanged, problem.key);
  } else {
    iteration.downloadFailures++;
    if (problem.side === 'source') iteration.filesUnreadable = (iteration.filesUnreadable ?? 0) + 1;
  }
  emit({ type: 'file-problem', ...problem });
}

const firstFew = (first: EntryKey[] = [], key: EntryKey): EntryKey[] => [...first, key].slice(0, FIRST_FEW);
