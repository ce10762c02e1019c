// A pass in which nothing had to be done, for tests of reports.

import type { Iteration } from '../../src/report/copy-report.js';

export const aPass = (of: Partial<Iteration> = {}): Iteration => ({
  iteration: 0,
  state: 'SUCCESS',
  totalSize: 100,
  totalFiles: 4,
  bytesToDownload: 0,
  filesToDownload: 0,
  filesDownloaded: 0,
  downloadFailures: 0,
  bytesDownloaded: 0,
  bytesReceived: 0,
  bytesReused: 0,
  filesVanished: 0,
  filesChanged: 0,
  filesRemoved: 0,
  bytesRemoved: 0,
  filesLeft: 0,
  bytesLeft: 0,
  matchRatio: 1,
  ...of,
});
