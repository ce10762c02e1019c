// The worker thread that digests lists of local files.

import { constants, getPriority, platform, setPriority } from 'node:os';
import { workerData } from 'node:worker_threads';
import { serveJobs } from '../threads/threads.js';
import { digestFiles } from './digest-files.js';
import type { DigestSetup, PackedJob } from './digest-pool.js';
import { type PackedAnswers, packAnswers, unpackFiles } from './messages.js';

/** As much as `nice` adds when it is given no number. */
const NICER = 10;

const { filters, isNice } = workerData as DigestSetup;
if (isNice) beNice();

/** Loaded only where something is excluded: patterns need more code than digests. */
const excludes =
  filters.length > 0
    ? import('../patterns/filter.js').then(({ compileFilter }) => compileFilter(...filters))
    : undefined;

serveJobs<PackedJob, PackedAnswers>(async ({ files, ...job }) =>
  packAnswers(await digestFiles({ ...job, files: unpackFiles(files) }, { excludes: await excludes })),
);

/**
 * A service that runs beside it goes first: it loses no processor time to digests, which cost nothing more where nobody else wants it. On
 * Linux, process 0 is the calling thread, so that the agent's other threads, which send, are as before; elsewhere it is all of them.
 */
function beNice(): void {
  if (platform() !== 'linux') return;
  try {
    setPriority(0, Math.min(constants.priority.PRIORITY_LOW, getPriority(0) + NICER));
  } catch {
    // A sandbox forbids it: then it reads at the priority that it has.
  }
}
