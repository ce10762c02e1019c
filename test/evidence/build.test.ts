import { describe, expect, test } from '@jest/globals';
import { buildDocument } from '../../src/evidence/build.js';
import { standingOf } from '../../src/evidence/figures.js';
import type { Iteration } from '../../src/report/copy-report.js';
import type { EvidenceRecord } from '../../src/state/evidence/records.js';
import { aPass } from './a-pass.js';

const place = { instance: 'one', role: 'destination', roots: [], file: '/e', earlier: [] } as const;
const host = { role: 'destination', name: 'h', machine: 'm', system: 's', node: '20', lm: '0.1.0', roots: [] } as const;

type Told = readonly [atMs: number, record: EvidenceRecord];

const build = (...told: Told[]) =>
  buildDocument(
    { ...place, roots: [], earlier: [] },
    { records: told.map(([atMs, record]) => ({ atMs, record })), damaged: 0 },
  );

const started = (
  run: string,
  command: 'copy' | 'verify' | 'complete',
  settings: [string, string][] = [],
): EvidenceRecord => ({
  type: 'run-started',
  run,
  command,
  host: { ...host, roots: [] },
  settings: settings.map(([name, value]) => ({ name, value, source: 'flag', where: `--${name}` })),
});
const ended = (run: string, exitCode = 0, message = 'm'): EvidenceRecord => ({
  type: 'run-ended',
  run,
  exitCode,
  message,
});
const pass = (run: string, beganMs: number, of: Partial<Iteration>, times = {}): EvidenceRecord => ({
  type: 'pass',
  run,
  beganMs,
  pass: aPass(of),
  times,
});
const copied = (run: string, successThreshold: number): EvidenceRecord => ({
  type: 'copied',
  run,
  report: { run, source: 's', maxIterations: 3, successThreshold, maxConcurrency: 10, dryRun: false },
});
const verified = (run: string, beganMs: number, manifest = true): EvidenceRecord => ({
  ...{ type: 'verified', run, beganMs, bytesCompared: 9, firstDifferences: [] },
  report: { run, state: 'COMPLETED', digestAlgorithm: 'md5', filesMatched: 3 } as never,
  ...(manifest && { manifest: { algorithm: 'md5', files: 3 } }),
});

describe('the downtime', () => {
  const live: Told[] = [
    [0, started('live', 'copy')],
    [90, pass('live', 0, { state: 'SUCCESS' }, { listMs: 90 })],
    [100, copied('live', 0.9)],
    [100, ended('live')],
  ];
  const final: Told[] = [
    [1000, started('final', 'copy')],
    [1400, pass('final', 1000, { state: 'DOWNLOAD_COMPLETE' }, { guardMs: 50, listMs: 100, fetchMs: 220, syncMs: 30 })],
    [
      1600,
      pass('final', 1400, { iteration: 1, state: 'SUCCESS' }, { waitMs: 20, listMs: 100, proveMs: 50, syncMs: 30 }),
    ],
    [1650, copied('final', 1)],
    [1650, ended('final')],
  ];
  const verification: Told[] = [
    [2000, started('v', 'verify')],
    [
      2600,
      {
        type: 'checked',
        run: 'v',
        which: 'post-check',
        iteration: 0,
        check: { command: 'c', exitCode: 0, signal: null, elapsedMs: 100, lastLines: [] },
      },
    ],
    [2600, verified('v', 2050)],
    [2600, ended('v')],
  ];

  test('of a verification, is told apart from its post-check', () => {
    expect(build(...verification).runs[0]!.verification).toMatchObject({ beganAtMs: 2050, endedAtMs: 2500 });
  });

  test('begins with the last final pass that has succeeded; its parts add up', () => {
    const { downtime } = build(
      ...live,
      ...final,
      ...verification,
      [3000, started('c', 'complete')],
      [3100, ended('c')],
      [9000, started('later', 'verify')],
      [9100, ended('later')],
    );
    expect(downtime).toEqual({
      beganAtMs: 1000,
      endedAtMs: 3100,
      totalMs: 2100,
      parts: [
        { name: 'guards', ms: 50 },
        { name: 'wait', ms: 20 },
        { name: 'list', ms: 200 },
        { name: 'fetch', ms: 220 },
        { name: 'prove', ms: 50 },
        { name: 'sync', ms: 60 },
        { name: 'start and end', ms: 50 },
        { name: 'verify', ms: 500 },
        { name: 'post-check', ms: 100 },
        { name: 'complete', ms: 100 },
        { name: 'between commands', ms: 750 },
      ],
    });
    expect(downtime!.parts.reduce((sum, { ms }) => sum + ms, 0)).toBe(downtime!.totalMs);
  });

  test('parts add up too where the clock was set back between two commands', () => {
    const back = verification.map(([at, record]): Told => [at - 400, record]);
    const { downtime } = build(...final, ...back);
    expect(downtime).toMatchObject({ beganAtMs: 1000, endedAtMs: 2200, totalMs: 1250 });
    expect(downtime!.parts.reduce((sum, { ms }) => sum + ms, 0)).toBe(1250);
  });

  test('has the last forecast before it beside what came of it, of an incremental verification alone', () => {
    const NOTHING = { entries: 0, bytes: 0 };
    const forecast = { ...{ atMs: 88, copyMs: 600, verifyMs: 400, parts: [] }, fetch: NOTHING, read: NOTHING };
    const said: Told = [90, pass('live', 0, { state: 'SUCCESS', forecast }, { listMs: 90 })];
    const looked = live.map((told): Told => (told[1].type === 'pass' ? said : told));
    const known = { atMs: 88, copyMs: 600, verifyMs: 400, tookCopyMs: 650 };
    expect(build(...looked, ...final, ...verification).downtime!.forecast).toEqual(known);
    const incremental: Told[] = [
      [4000, started('i', 'verify')],
      [4300, { ...verified('i', 4000), report: { run: 'i', state: 'COMPLETED', by: 'incremental' } } as EvidenceRecord],
      [4350, ended('i')],
    ];
    const { downtime } = build(...looked, ...final, ...verification, ...incremental);
    expect(downtime!.forecast).toEqual({ ...known, tookVerifyMs: 350 });
    expect(build(...live, ...final).downtime).not.toHaveProperty('forecast');
  });

  test('is unknown without one: a threshold below 1, a part, or a final pass that failed', () => {
    expect(build(...live).downtime).toBeUndefined();
    const failed = final.map(
      ([at, record]): Told => [
        at,
        record.type === 'pass' && record.pass.iteration === 1 ? pass('final', 1400, { state: 'FAILED' }) : record,
      ],
    );
    expect(build(...live, ...failed).downtime).toBeUndefined();
  });
});

test('a refusal is a run that a guard ended; other failures are none', () => {
  const { refusals, runs } = build(
    [1, started('a', 'copy')],
    [2, { type: 'run-ended', run: 'a', exitCode: 6, message: 'no', code: 'refused', details: ['d'], hint: 'h' }],
    [3, started('b', 'copy')],
    [4, ended('b', 5, 'gone')],
  );
  expect(refusals).toEqual([{ run: 'a', atMs: 2, command: 'copy', message: 'no', details: ['d'], hint: 'h' }]);
  expect(runs).toHaveLength(2);
});

test('waivers are the flags that loosen a guard, and what completing went without', () => {
  const { waivers, completed } = build(
    [
      1,
      started('a', 'copy', [
        ['adopt', 'true'],
        ['allow-running', 'false'],
        ['max-delete', '90%'],
        ['concurrency', '3'],
        ['diff', 'size'],
      ]),
    ],
    [2, ended('a')],
    [3, started('c', 'complete', [['unverified', 'true']])],
    [4, { type: 'completed', run: 'c', waived: ['the verification'] }],
    [5, ended('c')],
  );
  expect(waivers.map(({ what }) => what)).toEqual([
    '--adopt',
    '--max-delete 90%',
    '--diff size',
    '--unverified',
    'without the verification',
  ]);
  expect(completed).toEqual({ atMs: 4, waived: ['the verification'] });
});

test.each([
  [{ filesToDownload: 0, filesRemoved: 0 }, false],
  [{ filesToDownload: 1, filesRemoved: 0 }, true],
  [{ filesToDownload: 0, filesRemoved: 1 }, true],
])('a manifest before a later copy with %j is outdated: %s', (of, outdated) => {
  const { manifest } = build(
    [1, started('v', 'verify')],
    [2, verified('v', 1)],
    [3, ended('v')],
    [4, started('a', 'copy')],
    [5, pass('a', 4, of)],
    [6, ended('a')],
  );
  expect(manifest).toEqual({ algorithm: 'md5', files: 3, run: 'v', atMs: 2, outdated });
});

test('a run that was killed has no end, and that is said', () => {
  const killed = build([1, started('a', 'copy')], [2, pass('a', 1, {})]);
  expect(killed.missing.runsWithoutEnd).toBe(1);
  expect(standingOf(killed)).toEqual({ text: 'copy has recorded no end: it still runs, or was cut off', tone: 'bad' });
  expect(standingOf(build())).toEqual({ text: 'no run is recorded', tone: 'bad' });
});

test('where the first records were left out, what is left is told', () => {
  const { runs, missing } = build(
    [5, pass('a', 4, {})],
    [6, ended('a')],
    [7, { type: 'trimmed', series: 3, records: 2 }],
  );
  expect(runs).toMatchObject([{ run: 'a', command: 'copy', exitCode: 0, passes: [{ beganAtMs: 4 }] }]);
  expect(missing).toEqual({ damagedLines: 0, series: 3, records: 2, runsWithoutEnd: 0 });
});
