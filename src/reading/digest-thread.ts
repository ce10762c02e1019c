// The worker thread that digests local files: lists of them, and all of a line of a listing.

import { constants, getPriority, platform, setPriority } from 'node:os';
import { workerData } from 'node:worker_threads';
import { digestFiles } from '../digest/digest-files.js';
import { serveJobs } from '../threads/threads.js';
import type { DigestSetup, ThreadJob } from './digest-pool.js';
import { digestLine, type LineAnswer } from './listed-line.js';
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

serveJobs<ThreadJob, PackedAnswers | LineAnswer>(async (job) => {
  const thread = { excludes: await excludes };
  if ('line' in job) return digestLine(job, thread);
  const { files, ...rest } = job;
  return packAnswers(await digestFiles({ ...rest, files: unpackFiles(files) }, thread));
});

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
