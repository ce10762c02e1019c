import { describe, expect, test } from '@jest/globals';
import { copySummary, exitName, nextAfterCopy, nextAfterVerify, verifySummary } from '../../src/render/summary.js';
import type { CopyReport } from '../../src/report.js';
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

test('a pass without a listing has no size to tell', () => {
  const status = [iteration({ state: 'FAILED', totalSize: -1, totalFiles: -1 })];
  const lines = copySummary({ type: 'copy-ended', report: copyReport({ status }), exitCode: 5, message: 'm' });
  expect(lines[3]).toBe('  matching    0 %, threshold 100 %');
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
    'next: lm copy --diff checksum (equal sizes and times hide these files from a plain copy), then lm verify again',
  ]);
});

describe('what to run next', () => {
  test.each<[Partial<CopyReport>, number, RegExp | undefined]>([
    [{ successThreshold: 0.95 }, 0, /^stop the service on the source, then lm copy --threshold 1\.0$/],
    [{ successThreshold: 1 }, 0, /^lm verify$/],
    [{ only: 'data/0/ks' }, 0, /without --only/],
    [{ dryRun: true }, 0, /without --dry-run/],
    [{ dryRun: true }, 3, /without --dry-run/],
    [{ dryRun: true }, 6, undefined],
    [{ successThreshold: 0.95 }, 3, /^lm copy again.*--threshold/],
    [{ successThreshold: 1 }, 3, /^stop whatever still writes/],
    [{ successThreshold: 1, status: [iteration({ downloadFailures: 1 })] }, 3, /^see to the files that failed/],
    [{}, 5, /^lm copy again/],
    [{}, 6, undefined], // the guard's own hint says it
    [{}, 130, /^lm copy again/],
  ])('copy %o, exit %d', (fields, exitCode, next) => {
    const said = nextAfterCopy({ type: 'copy-ended', report: copyReport(fields), exitCode, message: '' });
    if (next === undefined) expect(said).toBeUndefined();
    else expect(said).toMatch(next);
  });

  test.each([
    [{}, 0, /^lm complete on both hosts/],
    [{ digestMismatches: 1 }, 4, /^lm copy --diff checksum/],
    [{ metadataMismatches: 1 }, 4, /^lm copy --threshold 1\.0/],
    [{}, 5, /^lm verify again/],
    [{}, 6, undefined],
  ] as const)('verify %o, exit %d', (fields, exitCode, next) => {
    const said = nextAfterVerify({ type: 'verify-ended', report: verifyReport(fields), exitCode, message: '' });
    if (next === undefined) expect(said).toBeUndefined();
    else expect(said).toMatch(next);
  });
});

test('an exit code of no name is a bug', () =>
  expect([exitName(0), exitName(6), exitName(77)]).toEqual(['ok', 'refused', 'bug']));
