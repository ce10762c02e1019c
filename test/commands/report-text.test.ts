import { expect, test } from '@jest/globals';
import { reportText } from '../../src/commands/text/report-text.js';
import type { EvidenceDocument } from '../../src/evidence/document.js';
import type { VerifyReport } from '../../src/report/verify-report.js';
import type { RunEvidence } from '../../src/state/evidence/runs.js';

const at = (text: string): number => Date.parse(text);

const proofs: Partial<VerifyReport['proofs']> = {
  earlier: { entries: 2, bytes: 9 },
  oldestMs: at('2026-01-02T03:00:00Z'),
  readHere: { entries: 0, bytes: 0, direct: 0 },
  readAtSource: { entries: 0, bytes: 0 },
  lost: { entries: 0, bytes: 0, byCtime: { atSource: 0, here: 0 } } as never,
};

const verify: RunEvidence = {
  ...{ run: 'v', command: 'verify', beganAtMs: at('2026-01-02T04:00:00Z'), settings: [], passes: [], removals: [] },
  ...{ warnings: [], moreWarnings: 0 },
  limits: [{ atMs: at('2026-01-02T04:00:02Z'), by: 'operator', text: '5.0 MiB/s', bytesPerSecond: 5 << 20 }],
  checks: [
    {
      ...{ which: 'post-check', iteration: 0, atMs: at('2026-01-02T04:00:07Z') },
      check: { command: 'check', exitCode: 3, signal: null, elapsedMs: 1_000, lastLines: [] } as never,
    },
  ],
  verification: {
    ...{ beganAtMs: at('2026-01-02T04:00:01Z'), endedAtMs: at('2026-01-02T04:00:05Z'), bytesCompared: 0, series: [] },
    report: { state: 'COMPLETED', digestAlgorithm: 'md5', by: 'incremental', filesMatched: 2, proofs } as never,
    firstDifferences: [],
  },
};

const document: EvidenceDocument = {
  ...{ instance: 'node7', role: 'destination', roots: [], file: '/evidence', earlier: [], runs: [verify] },
  refusals: [{ run: 'v', atMs: at('2026-01-02T04:00:08Z'), command: 'verify', message: 'no', details: [] }],
  waivers: [{ atMs: at('2026-01-02T04:00:09Z'), command: 'copy', what: '--adopt' }],
  missing: { damagedLines: 0, series: 0, records: 0, runsWithoutEnd: 0 },
};

test('what was verified, checked, refused and waived has its time', () => {
  const lines = reportText(document).map((line) => line.trim().replace(/ {2,}/g, ' '));
  expect(lines).toEqual(
    expect.arrayContaining([
      'verified 2026-01-02T04:00:01.000Z, COMPLETED by md5, 2 files equal, 0 B compared in 4.0 s',
      'limit 2026-01-02T04:00:02.000Z, lm verify, by lm limit: 5.0 MiB/s',
      'post-check 2026-01-02T04:00:07.000Z, exit code 3 after 1.0 s: check',
      'refused 2026-01-02T04:00:08.000Z, lm verify: no',
      'waived 2026-01-02T04:00:09.000Z, lm copy: --adopt',
    ]),
  );
});

test('nothing in it is reckoned from now, as it is read later', () => {
  expect(reportText(document).filter((line) => / ago/.test(line))).toEqual([]);
  expect(reportText(document).join('\n')).toMatch(
    /proved before +2 files, 9 B; the oldest proof is of 2026-01-02T03:00:00Z$/m,
  );
});
