// What a forecast takes from the runs before: samples of what was fetched and read, and what has come since it was last read.

import { expect, test } from '@jest/globals';
import { foldEvidence } from '../../../src/state/evidence/fold.js';
import { earlierRuns, fetchSample } from '../../../src/state/evidence/measured.js';
import type { EvidenceRecord } from '../../../src/state/evidence/records.js';
import { aPass } from '../../evidence/a-pass.js';

type Told = readonly [atMs: number, record: EvidenceRecord];

const runsOf = (...told: Told[]) =>
  foldEvidence({ records: told.map(([atMs, record]) => ({ atMs, record })), damaged: 0 }).runs;

const started = (run: string, command: 'copy' | 'verify'): EvidenceRecord => ({
  ...{ type: 'run-started', run, command, settings: [] },
  host: { role: 'destination', name: 'h', machine: 'm', system: 's', node: '20', lm: '0.1.0', roots: [] },
});
const ended = (run: string): EvidenceRecord => ({ type: 'run-ended', run, exitCode: 0, message: '' });

const downloaded = aPass({
  ...{ state: 'DOWNLOAD_COMPLETE', filesToDownload: 10, bytesToDownload: 1000 },
  ...{ filesDownloaded: 9, bytesDownloaded: 900, bytesReused: 200 },
});

const copy = (run: string, atMs: number): Told[] => [
  [atMs, started(run, 'copy')],
  [
    atMs + 600,
    {
      type: 'pass',
      run,
      beganMs: atMs,
      pass: downloaded,
      times: { guardMs: 50, listMs: 100, fetchMs: 400, syncMs: 50 },
    },
  ],
  [atMs + 700, { type: 'pass', run, beganMs: atMs + 600, pass: aPass({ iteration: 1 }), times: { listMs: 100 } }],
  [atMs + 750, ended(run)],
];

const verified = (run: string, atMs: number, report: object): Told[] => [
  [atMs, started(run, 'verify')],
  [
    atMs + 500,
    {
      ...{ type: 'verified', run, beganMs: atMs + 100, bytesCompared: 5000, firstDifferences: [] },
      report: { run, state: 'COMPLETED', digestAlgorithm: 'md5', filesMatched: 50, ...report } as never,
    },
  ],
  [atMs + 520, ended(run)],
];

test('a pass that has downloaded all it was to is a sample; bytes that were there before are not', () => {
  expect(earlierRuns(runsOf(...copy('a', 0)))).toMatchObject({
    fetches: [{ ms: 450, entries: 10, bytes: 800 }],
    reads: [],
    overheadMs: 100, // the guards, and what is outside the passes
    unread: undefined, // nothing was ever read
  });
  expect(fetchSample({ ...downloaded, state: 'CANCELLED' }, 450)).toEqual([]);
  expect(fetchSample(aPass({ state: 'DOWNLOAD_COMPLETE' }), 450)).toEqual([]);
});

test('a verification is a sample of what it has read, at the end that has read more', () => {
  const proofs = { readHere: { entries: 3, bytes: 300, direct: 3 }, readAtSource: { entries: 1, bytes: 700 } };
  const runs = runsOf(
    ...verified('full', 0, {}),
    ...verified('incremental', 1000, { by: 'incremental', proofs }),
    ...verified('offline', 2000, { by: 'offline', proofs }),
  );
  expect(earlierRuns(runs).reads).toEqual([
    { ms: 400, entries: 50, bytes: 5000 },
    { ms: 400, entries: 3, bytes: 700 },
  ]);
});

test('what has come since the last verification is unread, whatever an offline one has read', () => {
  const runs = runsOf(
    ...copy('a', 0),
    ...verified('v', 1000, { by: 'incremental', live: true }),
    ...copy('b', 2000),
    ...verified('o', 3000, { by: 'offline' }),
    ...copy('c', 4000),
  );
  expect(earlierRuns(runs).unread).toEqual({ entries: 18, bytes: 1800 });
});
