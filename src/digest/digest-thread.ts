// Worker thread that digests lists of local files. Holds no state between jobs.

import { workerData } from 'node:worker_threads';
import { serveJobs } from '../threads/threads.js';
import { type DigestAnswer, type DigestJob, digestFiles } from './digest-files.js';
import type { DigestSetup } from './digest-pool.js';

const { filters } = workerData as DigestSetup;

/** Loaded where there is something to exclude: patterns take more code than digests. */
const excludes = filters.length > 0 ? (await import('../patterns/filter.js')).compileFilter(...filters) : undefined;

serveJobs<DigestJob, DigestAnswer[]>((job) => digestFiles(job, excludes));
