// Declares what the transfer of a plan needs, and counts and reports files with problems.

import type { Disk } from '../disk/disk.js';
import type { InaccessibleDirectories } from '../disk/inaccessible-directories.js';
import type { Versions } from '../disk/versions.js';
import type { LmError } from '../errors.js';
import type { Emit } from '../events.js';
import type { EntryKey } from '../files/entry.js';
import { FIRST_FEW } from '../files/listing.js';
import type { Proof } from '../files/proof.js';
import type { ChangedFiles } from '../plan/hot-files.js';
import type { YoungFiles } from '../plan/young-files.js';
import type { Iteration } from '../report/copy-report.js';
import type { Source } from '../source/source.js';
import type { DeltaPolicy } from './delta.js';
import type { PartJournal } from './part-journal.js';
import type { FileProblem, ReceivedRows } from './worker-jobs.js';
import type { Workers } from './workers.js';

/** Keeps what proves the files that were received. It fails nothing: without a proof a file is read once more. */
export interface ReceivedSink {
  rows(rows: readonly ReceivedRows[]): void;
  file(dir: EntryKey, name: string, proof: Proof): void;
}

/** What is counted of the files of a transfer. */
export type TransferCounts = Pick<
  Iteration,
  | 'filesDownloaded'
  | 'bytesDownloaded'
  | 'bytesReused'
  | 'bytesBasis'
  | 'delta'
  | 'downloadFailures'
  | 'filesUnreadable'
  | 'filesVanished'
  | 'firstVanished'
  | 'filesChanged'
  | 'firstChanged'
>;

export interface TransferContext {
  workers: Workers;
  /** The main thread's disk operations, for big files. */
  disk: Disk;
  journal: PartJournal;
  young: Pick<YoungFiles, 'add'>;
  changed: Pick<ChangedFiles, 'add'>;
  received: ReceivedSink;
  delta: DeltaPolicy;
  /** The source's own files, where it is a directory of this host. */
  originals?: Versions;
  /** Whether the part of a file with a problem stays, for the caller: it may hold all that there is of the file. */
  keepsParts?: boolean;
  inaccessible: InaccessibleDirectories | undefined;
  concurrency: number;
  source: Pick<Source, 'url' | 'contact' | 'retrying' | 'transport'>;
  emit: Emit;
  signal: AbortSignal;
  /** Stops the run; `signal` is this controller's. */
  abort(error: LmError | Error): void;
}

/** Counts and reports a file that was not published. */
export function reportProblem(
  problem: FileProblem,
  pass: TransferCounts,
  { changed, emit }: Pick<TransferContext, 'changed' | 'emit'>,
): void {
  if (problem.result === 'vanished') {
    pass.filesVanished++;
    pass.firstVanished = firstFew(pass.firstVanished, problem.key);
  } else if (problem.result === 'changed') {
    pass.filesChanged++;
    changed.add(problem.key);
    pass.firstChanged = firstFew(pass.firstChanged, problem.key);
  } else {
    pass.downloadFailures++;
    if (problem.side === 'source') pass.filesUnreadable = (pass.filesUnreadable ?? 0) + 1;
  }
  emit({ type: 'file-problem', ...problem });
}

const firstFew = (first: EntryKey[] = [], key: EntryKey): EntryKey[] => [...first, key].slice(0, FIRST_FEW);
