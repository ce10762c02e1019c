// Worker thread that writes Sidecar listings, one after another. Holds no state between jobs.

import { serveJobs } from '../../threads/threads.js';
import { type SidecarListing, type SidecarListingJob, writeSidecarListing } from './sidecar-listing.js';

serveJobs<SidecarListingJob, SidecarListing>(writeSidecarListing);
