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

test('what is left out is counted, and the first of it named, at the end of every run', () => {
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
    'next: lm copy --diff checksum (equal sizes and times hide these files from a plain copy), then lm verify again',
  ]);
});

const wouldDo = (more: Partial<CopyReport['wouldDo']> = {}): NonNullable<CopyReport['wouldDo']> => ({
  ...{ download: { entries: 0, bytes: 0 }, remove: { entries: 0, bytes: 0 }, fix: 0, refuses: [] },
  ...more,
});

describe('what to run next', () => {
  test.each<[Partial<CopyReport>, number, RegExp | undefined]>([
    [{ successThreshold: 0.95 }, 0, /^stop the service on the source, then lm copy --threshold 1\.0$/],
    [{ successThreshold: 1 }, 0, /^lm verify$/],
    [{ only: 'data/0/ks' }, 0, /without --only/],
    [{ dryRun: true }, 0, /without --dry-run/],
    [{ dryRun: true }, 3, /without --dry-run/],
    [{ dryRun: true }, 6, undefined],
    [{ dryRun: true, wouldDo: wouldDo() }, 0, /: it would find nothing left to do$/],
    [
      { dryRun: true, wouldDo: wouldDo({ download: { entries: 3, bytes: 13_207_024_435 }, fix: 1 }) },
      3,
      /^the same command without --dry-run: it would copy 3 entries \(12\.3 GiB\), mend 1 entry$/,
    ],
    [{ dryRun: true, wouldDo: wouldDo({ remove: { entries: 1, bytes: 0 } }) }, 3, /: it would remove 1 entry \(0 B\)$/],
    [
      { dryRun: true, wouldDo: wouldDo({ refuses: ['the one', 'the other'] }) },
      3,
      /^a real run would refuse: the one \(and 1 more, named above\)$/,
    ],
    [
      { status: [iteration({ downloadFailures: 2, filesUnreadable: 2 }), iteration({})] },
      6,
      /^on the source, make the files named above readable for the user of lm serve, or leave them out .*, then lm copy again/,
    ],
    [
      { status: [iteration({ downloadFailures: 3, filesUnreadable: 2 })] },
      3,
      /^on the source, .*; here, see to the others that failed, then lm copy again/,
    ],
    [
      { status: [iteration({ filesToDownload: 0, bytesToDownload: 0 })] },
      3,
      /^lm verify, which names what still differs$/,
    ],
    [{ status: [iteration({ filesToDownload: 0, filesChanged: 1 })] }, 3, /^stop whatever still writes/],
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
    [
      { live: true as const },
      0,
      /^stop the service on the source, then lm copy --threshold 1\.0, then lm verify again$/,
    ],
    [{ beforeFinalPass: true as const }, 0, /^stop the service on the source, then lm copy --threshold 1\.0,/],
    [{ digestMismatches: 1 }, 4, /^lm copy --diff checksum/],
    [{ metadataMismatches: 1 }, 4, /^lm copy --threshold 1\.0, then lm verify again$/],
    [{ filesNotFoundAtSource: 1 }, 4, /^lm copy, then lm verify again$/],
    [
      { filesNotFoundAtSource: 1, reasons: { 'not-found-at-source': 1 } },
      4,
      /^lm copy, with --adopt if it names work here that is to go, then lm verify again$/,
    ],
    [
      { filesNotFoundAtSource: 1, reasons: { 'not-found-at-source': 1 }, beforeFinalPass: true as const },
      4,
      /^lm copy, then lm verify again$/,
    ],
    [{ metadataMismatches: 1, reasons: { mode: 1 } }, 4, /^lm copy --threshold 1\.0, then lm verify again$/],
    [{ filesNotFoundAtDestination: 1 }, 4, /^lm copy, then lm verify again$/],
    [{ filesNotFoundAtSource: 1, metadataMismatches: 1 }, 4, /^lm copy --threshold 1\.0,/],
    [{ digestMismatches: 1, metadataMismatches: 1, filesNotFoundAtSource: 1 }, 4, /^lm copy --diff checksum/],
    [
      { digestVerificationFailures: 1, reasons: { 'unreadable-at-source': 1 } },
      4,
      /^on the source, make .* readable for the user of lm serve, then lm verify again; no copy mends that$/,
    ],
    [
      { digestVerificationFailures: 1, reasons: { 'unreadable-at-destination': 1 }, digestMismatches: 1 },
      4,
      /^on this host, make .* readable .*, then lm copy --diff checksum .*, then lm verify again$/,
    ],
    [
      { digestVerificationFailures: 1, reasons: { 'changed-while-reading': 1 } },
      4,
      /^stop what writes to the files that changed while they were read, then lm verify again/,
    ],
    [{ reasons: { 'unreadable-at-source': 2 } }, 6, /^on the source, make .* readable/],
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
