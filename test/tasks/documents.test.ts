// Reports as the Sidecar's documents: what a pass shows in each state, and how a client knows that nothing more will come.

import { describe, expect, test } from '@jest/globals';
import type { Iteration, State } from '../../src/report/copy-report.js';
import type { VerifyReport } from '../../src/report/verify-report.js';
import {
  copyDocument,
  endedCopy,
  endedVerification,
  type TaskEnd,
  verificationDocument,
} from '../../src/tasks/documents.js';

const facts = {
  ...{ taskId: '5b6c3e10-9f5e-11ef-8a3c-0242ac120002', source: '10.0.0.1', port: 9043 },
  ...{ maxIterations: 2, successThreshold: 1, maxConcurrency: 8 },
};

const pass = (iteration: number, state: State): Iteration => ({
  ...{ iteration, state, totalSize: 100, totalFiles: 5, bytesToDownload: 60, filesToDownload: 3 },
  ...{ filesDownloaded: 2, downloadFailures: 0, bytesDownloaded: 40, bytesReceived: 41, bytesReused: 0 },
  ...{ filesVanished: 0, filesChanged: 0, filesRemoved: 0, bytesRemoved: 0, filesLeft: 0, bytesLeft: 0, matchRatio: 0 },
});

/** `0 FAILED`, `2 FAILED (not made)` */
function statesOf(states: State[], end?: TaskEnd): string[] {
  const { status } = copyDocument(facts, { status: states.map((state, i) => pass(i, state)) }, new Set(), end);
  return status.map(({ iteration, state, totalSize }) => `${iteration} ${state}${totalSize < 0 ? ' (not made)' : ''}`);
}

describe('a copy', () => {
  test('a pass tells what is to be downloaded from when it downloads, and has no other members', () => {
    const status = [pass(0, 'DOWNLOADING'), pass(1, 'CLEANING')];
    expect(copyDocument(facts, { status }, new Set([0]))).toEqual({
      ...facts,
      status: [
        {
          ...{ iteration: 0, state: 'DOWNLOADING', totalSize: 100, totalFiles: 5, bytesToDownload: 60 },
          ...{ filesToDownload: 3, filesDownloaded: 2, downloadFailures: 0, bytesDownloaded: 40 },
        },
        {
          ...{ iteration: 1, state: 'CLEANING', totalSize: 100, totalFiles: 5, bytesToDownload: -1 },
          ...{ filesToDownload: -1, filesDownloaded: 2, downloadFailures: 0, bytesDownloaded: 40 },
        },
      ],
    });
  });

  test.each<[State[], string[]]>([
    [[], []],
    [['STARTING'], []],
    [['CLEANING'], ['0 CLEANING']],
    [['DOWNLOAD_COMPLETE', 'STARTING'], ['0 DOWNLOAD_COMPLETE']],
    [
      ['FAILED', 'DOWNLOADING'],
      ['0 FAILED', '1 DOWNLOADING'],
    ],
    [['SUCCESS'], ['0 PREPARING']], // another task would be refused until the run has ended
    [
      ['FAILED', 'FAILED', 'FAILED'],
      ['0 FAILED', '1 FAILED', '2 PREPARING'],
    ],
  ])('that runs, with %j', (states, shown) => expect(statesOf(states)).toEqual(shown));

  test.each<[State[], string[]]>([
    [[], ['0 FAILED (not made)', '2 FAILED (not made)']],
    [['FAILED'], ['0 FAILED', '2 FAILED (not made)']],
    [['STARTING'], ['0 FAILED', '2 FAILED (not made)']],
    [['DOWNLOAD_COMPLETE'], ['0 DOWNLOAD_COMPLETE', '2 FAILED (not made)']], // as of an agent that was killed between two passes
    [
      ['DOWNLOAD_COMPLETE', 'FAILED'],
      ['0 DOWNLOAD_COMPLETE', '1 FAILED', '2 FAILED (not made)'],
    ],
    [
      ['DOWNLOAD_COMPLETE', 'FAILED', 'FAILED'],
      ['0 DOWNLOAD_COMPLETE', '1 FAILED', '2 FAILED'],
    ],
  ])('that failed, with %j', (states, shown) => {
    expect(statesOf(states, { how: 'failed', message: 'why' })).toEqual(shown);
  });

  test.each<[State[], string[]]>([
    [[], ['0 CANCELLED (not made)']],
    [['STARTING'], ['0 CANCELLED']],
    [['DOWNLOADING'], ['0 CANCELLED']],
    [['CANCELLED'], ['0 CANCELLED']],
    [
      ['DOWNLOAD_COMPLETE', 'STARTING'],
      ['0 DOWNLOAD_COMPLETE', '1 CANCELLED'],
    ],
    [['DOWNLOAD_COMPLETE'], ['0 DOWNLOAD_COMPLETE', '1 CANCELLED (not made)']],
    [['SUCCESS'], ['0 SUCCESS']],
  ])('that was cancelled, with %j', (states, shown) => expect(statesOf(states, { how: 'cancelled' })).toEqual(shown));

  test('why it ended stands beside, and not when it ended well', () => {
    const report = { status: [pass(0, 'SUCCESS')] };
    expect(copyDocument(facts, report, new Set(), { how: 'done' })).not.toHaveProperty('message');
    expect(copyDocument(facts, report, new Set(), { how: 'cancelled' })).not.toHaveProperty('message');
    const failed = copyDocument(facts, { status: [] }, new Set(), { how: 'failed', message: 'why' });
    expect(failed.message).toBe('why');
    expect(endedCopy(failed, { how: 'failed', message: 'why' })).toEqual(failed);
  });
});

describe('a verification', () => {
  const known = { id: facts.taskId, digestAlgorithm: 'Md5', source: '10.0.0.1', port: 9043 };
  const metadata = {
    filesNotFoundAtSource: 0,
    filesNotFoundAtDestination: 0,
    metadataMatched: 5,
    metadataMismatches: 0,
  };
  const digests = { digestMismatches: 1, digestVerificationFailures: 1, filesMatched: 1 };
  const noDigests = { digestMismatches: 0, digestVerificationFailures: 0, filesMatched: 0 };
  const report = (more: Partial<VerifyReport> = {}): VerifyReport => ({
    ...{ run: 'r', source: 'http://10.0.0.1:9043', digestAlgorithm: 'md5', state: 'FAILED' },
    ...{ ...metadata, ...digests, ...more },
  });
  const failed = { how: 'failed', message: 'why' } as const;

  test('counts no digest while it runs', () => {
    const nothing = { ...metadata, metadataMatched: 0, ...noDigests };
    expect(verificationDocument(known, undefined)).toEqual({ ...known, state: 'IN_PROGRESS', ...nothing });
    expect(verificationDocument(known, report())).toEqual({
      ...known,
      state: 'IN_PROGRESS',
      ...metadata,
      ...noDigests,
    });
  });

  test('V26: counts them when it has ended', () => {
    expect(verificationDocument(known, report(), failed)).toEqual({
      ...{ ...known, state: 'FAILED', ...metadata, ...digests, message: 'why' },
    });
  });

  test.each(['filesNotFoundAtSource', 'filesNotFoundAtDestination', 'metadataMismatches'])(
    'V25: counts none where metadata differs: %s',
    (counter) => {
      const document = verificationDocument(known, report({ [counter]: 1 }), failed);
      expect(document).toEqual({ ...known, state: 'FAILED', ...metadata, [counter]: 1, ...noDigests, message: 'why' });
    },
  );

  test('cancelled, or cut off', () => {
    expect(verificationDocument(known, undefined, { how: 'cancelled' }).state).toBe('CANCELLED');
    expect(endedVerification(verificationDocument(known, report()), failed)).toMatchObject({
      ...{ state: 'FAILED', metadataMatched: 5, message: 'why' },
    });
  });
});
