import { expect, test } from '@jest/globals';
import { copySummary, exitName, verifySummary } from '../../src/render/summary.js';
import type { Downtime } from '../../src/report/downtime.js';
import { copyReport, iteration, verifyReport } from './samples.js';

test('a copy: what was reached, the counters, what to run next', () =>
  expect(
    copySummary({ type: 'copy-ended', report: copyReport(), exitCode: 0, message: 'source and destination match' }),
  ).toEqual([
    'copy: source and destination match',
    '  exit code   0 (goal met)',
    '  state       SUCCESS at iteration 1 of at most 3',
    '  matching    100 % of 1.0 MiB in 5 entries, threshold 100 %',
    '  downloaded  5 entries, 2.0 MiB (2.0 MiB received)',
    '  removed     0 entries, 0 B',
    '  failed      0 (0 changed and 0 vanished besides)',
    'next: lm verify',
  ]));

test('a pass without a listing has no size', () => {
  const status = [iteration({ state: 'FAILED', totalSize: -1, totalFiles: -1 })];
  const lines = copySummary({ type: 'copy-ended', report: copyReport({ status }), exitCode: 5, message: 'm' });
  expect(lines[3]).toBe('  matching    not known, as the last pass came to no plan, threshold 100 %');
});

test('what is left out is counted, and the first entries named, at the end of every run', () => {
  const none = { entries: 0, first: [] };
  const leftOut = {
    special: { entries: 1, first: ['data/0/s'] },
    excludedAtSource: { entries: 12, first: ['data/0/a', 'data/0/b', 'data/0/c', 'data/0/d'] },
    ...{ excludedHere: none, shielded: none, stale: none },
    setuid: { entries: 1, first: ['data/0/su'] },
  };
  const status = [
    iteration({
      filesVanished: 1,
      firstVanished: ['data/0/v'],
      filesChanged: 4,
      firstChanged: ['data/0/x', 'data/0/y'],
    }),
    iteration({ filesChanged: 1, firstChanged: ['data/0/x'] }),
  ];
  const texts = [
    ' +not copied +1 socket, pipe or device at the source: data/0/s',
    ' +excluded +12 at the source: data/0/a, data/0/b, data/0/c, …',
    ' +not set +1 program that is setuid or setgid at the source .--keep-setuid.: data/0/su',
  ];
  const copied = { type: 'copy-ended', exitCode: 0, message: 'm' } as const;
  for (const lines of [
    copySummary({ ...copied, report: copyReport({ leftOut, status }) }),
    copySummary({ ...copied, report: copyReport({ leftOut, status, dryRun: true }) }),
    verifySummary({ type: 'verify-ended', report: verifyReport({ leftOut }), exitCode: 0, message: 'm' }),
  ])
    for (const text of texts) expect(lines).toContainEqual(expect.stringMatching(new RegExp(`^${text}$`)));
  const lines = copySummary({ ...copied, report: copyReport({ status }) });
  expect(lines).toContainEqual(expect.stringMatching(/^ +changed +data\/0\/x, data\/0\/y, …$/));
  expect(lines).toContainEqual(expect.stringMatching(/^ +vanished +data\/0\/v$/));
});

test('a verification: the counters of the Sidecar', () => {
  const report = verifyReport({ state: 'FAILED', digestMismatches: 1, filesMatched: 2 });
  expect(verifySummary({ type: 'verify-ended', report, exitCode: 4, message: '1 path differs' })).toEqual([
    'verify: 1 path differs',
    '  exit code                   4 (verification found differences)',
    '  state                       FAILED, xxhash32',
    '  filesNotFoundAtSource       0',
    '  filesNotFoundAtDestination  0',
    '  metadataMatched             5',
    '  metadataMismatches          0',
    '  digestMismatches            1',
    '  digestVerificationFailures  0',
    '  filesMatched                2',
    'next: lm verify --repair, which fetches what differs and verifies it again (equal sizes and times hide these files from a plain copy)',
  ]);
});

test('the downtime is one line, after a final copy and after a verification; what would read 0.0 s is left out', () => {
  const parts = [
    { name: 'list', ms: 9_200 },
    { name: 'clean', ms: 49 },
    { name: 'fetch', ms: 22_000 },
    { name: 'between commands', ms: 51 },
  ] satisfies Downtime['parts'];
  const downtime = { beganAtMs: 0, endedAtMs: 31_300, totalMs: 31_300, parts };
  const row = /^ {2}downtime +32s since the final copy began: list 9\.2 s, fetch 22s, between commands 0\.1 s$/;
  const ended = { exitCode: 0, message: 'm', downtime };
  for (const lines of [
    copySummary({ type: 'copy-ended', report: copyReport(), ...ended }),
    verifySummary({ type: 'verify-ended', report: verifyReport(), ...ended }),
  ])
    expect(lines.filter((line) => line.includes('downtime'))).toEqual([expect.stringMatching(row)]);
});

test('an exit code without a name is a bug', () =>
  expect([exitName(0), exitName(6), exitName(77)]).toEqual(['ok', 'refused', 'bug']));
