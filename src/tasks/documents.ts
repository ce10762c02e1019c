// Makes the Sidecar's documents of tasks from the reports of their runs. Pure; what the documents have no room for is left out.

import type { CopyReport, Iteration } from '../report/copy-report.js';
import { NOTHING_COUNTED, type VerifyReport } from '../report/verify-report.js';
import type { DataCopyTask, FilesVerificationTask, IterationStatus } from '../wire/sidecar/task-messages.js';

/** What of a copy is known from its beginning. */
export type CopyFacts = Omit<DataCopyTask, 'status' | 'message'>;

/** Of a verification. */
export type VerificationFacts = Pick<FilesVerificationTask, 'id' | 'digestAlgorithm' | 'source' | 'port'>;

/** How a task ended, or is ending. */
export type TaskEnd = { how: 'done' } | { how: 'failed'; message: string } | { how: 'cancelled'; message?: string };

/** `downloading`: the passes that have begun to download. `end` is missing while the task runs. */
export function copyDocument(
  facts: CopyFacts,
  report: Pick<CopyReport, 'status'>,
  downloading: ReadonlySet<number>,
  end?: TaskEnd,
): DataCopyTask {
  const passes = report.status.map((pass) => statusOf(pass, downloading.has(pass.iteration)));
  const document = { ...facts, status: passes };
  return end ? endedCopy(document, end) : { ...facts, status: passes.map(notYetOver(facts)).filter(hasBegun) };
}

/** As in the Sidecar, a pass is shown from CLEANING on: while it lists, it is still STARTING. */
const hasBegun = ({ state }: IterationStatus): boolean => state !== 'STARTING';

/** While the run ends, its last pass is shown as PREPARING: a client that saw SUCCESS would post its next task, and get a 409. */
const notYetOver =
  ({ maxIterations }: CopyFacts) =>
  (pass: IterationStatus): IterationStatus =>
    pass.state === 'SUCCESS' || (pass.state === 'FAILED' && pass.iteration >= maxIterations)
      ? { ...pass, state: 'PREPARING' }
      : pass;

/**
 * Makes the end of a task visible to whoever polls: the Sidecar's clients take a FAILED pass for the end only when it is the last one that
 * was allowed, so a run that ends earlier gets that pass after its own last one.
 */
export function endedCopy({ message: _, ...document }: DataCopyTask, end: TaskEnd): DataCopyTask {
  if (end.how === 'done') return document;
  const status = end.how === 'cancelled' ? cancelled(document.status) : failed(document);
  return { ...document, status, ...(end.message !== undefined && { message: end.message }) };
}

function cancelled(status: IterationStatus[]): IterationStatus[] {
  const last = status.at(-1);
  if (last?.state === 'SUCCESS') return status;
  const isOver = last === undefined || last.state === 'FAILED' || last.state === 'DOWNLOAD_COMPLETE';
  if (isOver) return [...status, unknown((last?.iteration ?? -1) + 1, 'CANCELLED')];
  return [...status.slice(0, -1), { ...last, state: 'CANCELLED' }];
}

/** A pass that has downloaded everything has not failed, though nothing comes after it. */
function failed({ status, maxIterations }: Omit<DataCopyTask, 'message'>): IterationStatus[] {
  const last = status.at(-1) ?? unknown(0, 'FAILED');
  const isLoaded = last.state === 'DOWNLOAD_COMPLETE' && last.iteration < maxIterations;
  const passes = isLoaded ? status : [...status.slice(0, -1), { ...last, state: 'FAILED' }];
  return last.iteration >= maxIterations ? passes : [...passes, unknown(maxIterations, 'FAILED')];
}

const unknown = (iteration: number, state: string): IterationStatus => ({
  iteration,
  state,
  ...{ totalSize: -1, totalFiles: -1, bytesToDownload: -1, filesToDownload: -1 },
  ...{ filesDownloaded: 0, downloadFailures: 0, bytesDownloaded: 0 },
});

function statusOf(pass: Iteration, downloads: boolean): IterationStatus {
  const { iteration, state, totalSize, totalFiles, filesDownloaded, downloadFailures, bytesDownloaded } = pass;
  return {
    iteration,
    state,
    totalSize,
    totalFiles,
    bytesToDownload: downloads ? pass.bytesToDownload : -1,
    filesToDownload: downloads ? pass.filesToDownload : -1,
    filesDownloaded,
    downloadFailures,
    bytesDownloaded,
  };
}

const NO_DIGESTS = { digestMismatches: 0, digestVerificationFailures: 0, filesMatched: 0 };

/**
 * `report` is missing before the first comparison. The Sidecar's counters of digests are 0 until its task has ended, and for ever where
 * metadata differs, because then it takes none; what `lm` has found then is in `message`.
 */
export function verificationDocument(
  facts: VerificationFacts,
  report: VerifyReport | undefined,
  end?: TaskEnd,
): FilesVerificationTask {
  const { id, ...others } = facts;
  const counters = report ? countersOf(report) : NOTHING_COUNTED;
  const state = end ? (end.how === 'cancelled' ? 'CANCELLED' : (report?.state ?? 'FAILED')) : 'IN_PROGRESS';
  const hidesDigests = !end || counters.filesNotFoundAtSource + counters.filesNotFoundAtDestination > 0;
  return {
    ...{ id, digestAlgorithm: others.digestAlgorithm, state, source: others.source, port: others.port },
    ...counters,
    ...((hidesDigests || counters.metadataMismatches > 0) && NO_DIGESTS),
    ...messageOf(end),
  };
}

/** A document that says of itself that the task goes on, once it is known that it does not. */
export const endedVerification = (
  { message: _, ...document }: FilesVerificationTask,
  end: Exclude<TaskEnd, { how: 'done' }>,
): FilesVerificationTask => ({
  ...document,
  state: end.how === 'cancelled' ? 'CANCELLED' : 'FAILED',
  ...messageOf(end),
});

const messageOf = (end: TaskEnd | undefined) =>
  end && end.how !== 'done' && end.message !== undefined ? { message: end.message } : {};

function countersOf(report: VerifyReport): typeof NOTHING_COUNTED {
  const names = Object.keys(NOTHING_COUNTED) as (keyof typeof NOTHING_COUNTED)[];
  return Object.fromEntries(names.map((name) => [name, report[name]])) as typeof NOTHING_COUNTED;
}
