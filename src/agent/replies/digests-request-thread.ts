// Worker thread that reads /digests requests: one of 8,192 files would hold up the agent's own thread. Holds no state between jobs.

import { workerData } from 'node:worker_threads';
import type { Roots } from '../../files/roots.js';
import { serveJobs } from '../../threads/threads.js';
import { type DigestsRequest, readDigestsRequest } from './digests-request.js';

serveJobs<Uint8Array, DigestsRequest>((body) => readDigestsRequest(body, workerData as Roots));
