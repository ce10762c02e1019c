import { describe, expect, test } from '@jest/globals';
import { exitCodeShortOf, type Goal, isReached } from '../../../src/migration/standing/goal.js';
import type { RunSummary } from '../../../src/migration/standing/run-history.js';
import type { MigrationStatus } from '../../../src/migration/status.js';
import { copyReport, verifyReport } from '../../render/samples.js';

type Local = Omit<MigrationStatus, 'source'>;

const nothing: Local = {
  ...{ instance: 'a', role: 'destination', dir: '/a', roots: [], holder: null, progress: null },
  completion: { state: 'NOT_COMPLETED', endTime: null },
  ...{ lastCopy: null, lastVerify: null, copyBeganMs: null, copyExitCode: null },
  ...{ verified: false, finalPass: false, history: [], unfinishedFiles: 0, damagedLines: 0 },
};

const ended = { endedMs: 1, message: '' };
const copied = (exitCode = 0, report = copyReport()) => ({
  lastCopy: { ...ended, exitCode, report },
  finalPass: exitCode === 0,
});
const short = { ...copied(0, copyReport({ successThreshold: 0.9 })), finalPass: false };
const verified = {
  ...copied(),
  verified: true,
  lastVerify: { ...ended, exitCode: 0, report: verifyReport({ run: 'v1' }) },
};
const atWork = (run: string) => ({ progress: { run, state: 'POST_CHECK', iteration: 0, sinceMs: 0 } });

test.each<[string, Partial<Local>, Goal[]]>([
  ['nothing', {}, []],
  ['a copy that has met a lower threshold', short, ['converged']],
  ['one of a part', { ...short, lastCopy: { ...short.lastCopy, report: copyReport({ only: 'data/0/ks' }) } }, []],
  ['one below its threshold', copied(3), []],
  ['one that has begun since', { ...copied(), copyBeganMs: 2, finalPass: false }, []],
  ['a final pass', copied(), ['converged', 'copied']],
  ['one whose post-check still runs', { ...copied(), ...atWork('r1') }, []],
  ['one whose post-check has failed', { ...copied(6), finalPass: true, postCheckMissing: true }, []],
  ['a verified one', verified, ['converged', 'copied', 'verified']],
  ['while another verification runs', { ...verified, ...atWork('v2') }, ['converged', 'copied', 'verified']],
  ['while the post-check of the verification runs', { ...verified, ...atWork('v1') }, ['converged', 'copied']],
  ['a verification before the final pass', { ...verified, finalPass: false }, ['converged']],
  [
    'complete',
    { ...verified, completion: { state: 'COMPLETED', endTime: 3 } },
    ['converged', 'copied', 'verified', 'complete'],
  ],
  ['complete without anything', { completion: { state: 'COMPLETED', endTime: 3 } }, ['complete']],
])('%s', (_, status, goals) => {
  const all = ['converged', 'copied', 'verified', 'complete'] as const;
  expect(all.filter((goal) => isReached(goal, { ...nothing, ...status }))).toEqual(goals);
});

describe('the exit code where nothing works towards the goal', () => {
  const last = (exitCode?: number) => ({ lastRun: { ...(exitCode !== undefined && { exitCode }) } as RunSummary });
  test.each<[string, Partial<Local>, number]>([
    ['the last run ended well', last(0), 3],
    ['it was below its threshold', last(3), 3],
    ['it found differences', last(4), 4],
    ['it was refused', last(6), 6],
    ['it was interrupted', last(143), 5],
    ['it was cut off', last(), 5],
    ['there was none', {}, 3],
    ['a copy of which the journal alone tells', { copyBeganMs: 1, copyExitCode: 8 }, 8],
    ['one that was cut off', { copyBeganMs: 1 }, 5],
  ])('%s', (_, status, code) => {
    expect(exitCodeShortOf({ ...nothing, ...status })).toBe(code);
  });
});
