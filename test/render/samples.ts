// Reports and events the render tests share.

import type { CopyReport, Iteration } from '../../src/report/copy-report.js';
import type { VerifyReport } from '../../src/report/verify-report.js';

const MIB = 1024 ** 2;

export const iteration = (fields: Partial<Iteration> = {}): Iteration => ({
  iteration: 0,
  state: 'SUCCESS',
  totalSize: MIB,
  totalFiles: 5,
  bytesToDownload: MIB,
  filesToDownload: 5,
  filesDownloaded: 5,
  downloadFailures: 0,
  bytesDownloaded: MIB,
  bytesReceived: MIB,
  bytesReused: 0,
  filesVanished: 0,
  filesChanged: 0,
  filesRemoved: 0,
  bytesRemoved: 0,
  filesLeft: 0,
  bytesLeft: 0,
  matchRatio: 0,
  ...fields,
});

export const copyReport = (fields: Partial<CopyReport> = {}): CopyReport => ({
  run: 'r1',
  source: 'http://127.0.0.1:9043',
  maxIterations: 3,
  successThreshold: 1,
  maxConcurrency: 10,
  status: [iteration({ state: 'DOWNLOAD_COMPLETE' }), iteration({ iteration: 1, matchRatio: 1, filesDownloaded: 0 })],
  dryRun: false,
  ...fields,
});

export const verifyReport = (fields: Partial<VerifyReport> = {}): VerifyReport => ({
  run: 'r1',
  source: 'http://127.0.0.1:9043',
  digestAlgorithm: 'xxhash32',
  state: 'COMPLETED',
  filesNotFoundAtSource: 0,
  filesNotFoundAtDestination: 0,
  metadataMatched: 5,
  metadataMismatches: 0,
  digestMismatches: 0,
  digestVerificationFailures: 0,
  filesMatched: 3,
  ...fields,
});
