// Worker thread that digests lists of local files. Holds no state between jobs.

import { type DigestAnswer, type DigestJob, digestFiles } from './digest-files.js';
import { serveJobs } from './threads.js';

serveJobs<DigestJob, DigestAnswer[]>(digestFiles);
