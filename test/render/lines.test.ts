import { describe, expect, test } from '@jest/globals';
import type { Event } from '../../src/events.js';
import { linesOf } from '../../src/render/lines.js';
import type { Change, Forecast } from '../../src/report/forecast.js';
import { iteration } from './samples.js';

const NORMAL = { quiet: false, verbose: false };
const QUIET = { quiet: true, verbose: false };
const VERBOSE = { quiet: false, verbose: true };

const GIB = 1024 ** 3;
const MIB = 1024 ** 2;

const texts = (event: Event, volume = NORMAL) => linesOf(event, volume).map((line) => line.text);

const item = (fields: Partial<Extract<Event, { type: 'item' }>> = {}): Event => ({
  type: 'item',
  action: 'copy',
  key: 'data/0/ks/t/nb 1.db',
  bytes: 12.3 * GIB,
  reason: 'new',
  dryRun: false,
  ...fields,
});

const planned = (dryRun: boolean): Event => ({
  type: 'planned',
  iteration: 0,
  download: { entries: 812, bytes: 12.3 * GIB },
  remove: { entries: 41, bytes: 1.1 * GIB },
  unchanged: { entries: 120_331, bytes: 40 * GIB },
  totalSize: 52.3 * GIB,
  totalFiles: 121_143,
  matchRatio: 0.76,
  dryRun,
});

describe('the itemised line', () => {
  test.each([
    [item(), 'copy    new            12.3 GiB  data/0/ks/t/nb 1.db'],
    [item({ action: 'remove', reason: 'foreign', bytes: 0 }), 'remove  foreign             0 B  data/0/ks/t/nb 1.db'],
    [item({ action: 'fix', reason: 'link-target', bytes: 9 }), 'fix     link-target         9 B  data/0/ks/t/nb 1.db'],
    [item({ dryRun: true }), 'would copy    new            12.3 GiB  data/0/ks/t/nb 1.db'],
  ])('%#', (event, line) => expect(texts(event, VERBOSE)).toEqual([line]));

  test('is told with --verbose or of a dry run, never with --quiet', () => {
    expect(texts(item())).toEqual([]);
    expect(texts(item({ dryRun: true }))).toHaveLength(1);
    expect(texts(item({ dryRun: true }), QUIET)).toEqual([]);
  });
});

describe('the plan', () => {
  test('reads alike for dry and real runs', () => {
    expect(texts(planned(true))).toEqual(['plan: 812 to copy (12.3 GiB), 41 to remove (1.1 GiB), 120331 unchanged']);
    expect(texts(planned(false))).toEqual(texts(planned(true)));
  });

  test('says what is left beside what is not, and root by root what holds matching down', () => {
    const share = (entries: number, bytes: number) => ({ entries, bytes });
    const root = { matching: share(0, 0), left: share(0, 0), firstMissing: [], firstLeft: [] };
    const event = {
      ...(planned(false) as Extract<Event, { type: 'planned' }>),
      left: share(3, 96 * 1024 ** 2),
      roots: [
        { ...root, key: 'commitlog/0', total: share(3, 100), left: share(3, 100) },
        { ...root, key: 'data/0', total: share(9, 100), matching: share(5, 97), firstMissing: ['a', 'b', 'c', 'd'] },
      ],
    };
    expect(texts(event)).toEqual([
      'plan: 812 to copy (12.3 GiB), 41 to remove (1.1 GiB), 120331 unchanged (3 hot files, 96.0 MiB, left for the final pass)',
      '  matching commitlog/0 100 % (3 hot files, 100 B, left for the final pass)',
      '  matching data/0 97 %; not yet a, b, c, …',
    ]);
    expect(texts({ ...event, left: share(0, 0), roots: event.roots.slice(1) })).toHaveLength(2);
    const first = { ...event.roots[1]!, matching: share(0, 0) };
    expect(texts({ ...event, left: share(0, 0), roots: [first] })).toHaveLength(1); // nothing is here yet: all of it is missing
  });

  test('is the result of a dry run, so --quiet keeps it', () => {
    expect(texts(planned(true), QUIET)).toHaveLength(1);
    expect(texts(planned(false), QUIET)).toEqual([]);
  });
});

describe('names', () => {
  const forged = 'data/0/x\nremove  foreign  0 B  data/0/\u202ey\u001b[2K';

  test.each([
    ['item', item({ key: forged })],
    ['file-problem', { type: 'file-problem', key: forged, result: 'failed', message: 'EIO' }],
    ['difference', { type: 'difference', difference: { key: forged, reason: 'link-target', source: forged } }],
    [
      'excluded',
      {
        type: 'listed',
        side: 'source',
        entries: 1,
        bytes: 0,
        excluded: 1,
        firstExcluded: [forged],
        elapsedMs: 0,
      },
    ],
  ] as [string, Event][])('cannot forge a line: %s', (_, event) => {
    const lines = texts(event, VERBOSE);
    expect(lines).toHaveLength(1);
    expect(lines[0]).not.toMatch(/[\p{Cc}\p{Cf}]/u);
    expect(lines[0]).toContain('x\\nremove');
  });
});

describe('a forecast', () => {
  const made: Forecast = {
    ...{ atMs: 0, copyMs: 164_000, verifyMs: 86_000, fetch: { entries: 812, bytes: 12.3 * GIB } },
    read: { entries: 812, bytes: 12.3 * GIB },
    parts: [
      { name: 'guards', ms: 10 },
      { name: 'list', ms: 3_000 },
      { name: 'fetch', ms: 161_000 },
      { name: 'verify', ms: 86_000 },
    ],
  };
  const event = (of: Partial<Forecast> = {}): Event => ({
    type: 'forecast',
    iteration: 1,
    forecast: { ...made, ...of },
  });
  const FIRST =
    'forecast: if you stop the source now, the final pass and its verification take about 4m10s: list 3.0 s, fetch 2m41s, verify 1m26s';

  test('says how long, and of what it is made up; not with --quiet', () => {
    expect(texts(event())).toEqual([FIRST]);
    expect(texts(event(), QUIET)).toEqual([]);
  });

  test('says what changes beside what is copied, and where', () => {
    const change: Change = {
      ...{ trend: 'converging', overMs: 1_200_000, changed: { entries: 812, bytes: 12.3 * GIB } },
      ...{ changedBytesPerSecond: 10.5 * MIB, copiedBytesPerSecond: 78 * MIB },
      subtrees: [{ key: 'data/0/k\ns', entries: 9, bytes: GIB }],
    };
    expect(texts(event({ change }))).toEqual([
      FIRST,
      'forecast: converging: 12.3 GiB in 812 entries changed in 20m00s (10.5 MiB/s), copied at 78.0 MiB/s; most below data/0/k\\ns (1.0 GiB)',
    ]);
  });

  test('says of Cassandra what a drain flushes, and how it stands to the hint window', () => {
    const drainBytes = 192 * MIB;
    expect(texts(event({ drainBytes, hintWindow: { ms: 10_800_000, stated: false } }))).toEqual([
      `${FIRST}; with at most 192.0 MiB that a drain flushes; within max_hint_window, 3h00m unless cassandra.yaml says otherwise`,
    ]);
    expect(texts(event({ hintWindow: { ms: 60_000, stated: true } }))).toEqual([
      `${FIRST}; LONGER THAN max_hint_window, 1m00s`,
    ]);
  });
});

describe('what goes where', () => {
  const failed: Event = { type: 'file-problem', key: 'data/0/a', result: 'failed', message: 'EIO' };
  const changed: Event = { type: 'file-problem', key: 'data/0/a', result: 'changed', message: '' };

  test('a warning and its hint go to stderr, also when quiet', () =>
    expect(linesOf({ type: 'warning', text: 'clock skew', hint: 'set the clock' }, QUIET)).toEqual([
      { to: 'stderr', text: 'warning: clock skew', tone: 'warn' },
      { to: 'stderr', text: 'hint: set the clock', tone: 'plain' },
    ]));

  test('a failed file goes to stderr; a changed one only with --verbose', () => {
    expect(linesOf(failed, QUIET)).toMatchObject([{ to: 'stderr', text: 'failed  data/0/a: EIO' }]);
    expect(linesOf(changed, NORMAL)).toEqual([]);
    expect(linesOf(changed, VERBOSE)).toMatchObject([{ to: 'stdout', text: 'changed  data/0/a' }]);
  });

  test('waiting for the source is printed like progress', () => {
    const stalled = { type: 'stalled', what: 'the listing', forMs: 60_000 } as const;
    expect(linesOf({ ...stalled, alive: false }, NORMAL)).toMatchObject([
      { to: 'stdout', text: 'waiting for the listing: nothing has come for 1m00s' },
    ]);
    expect(texts({ ...stalled, alive: true })).toEqual([
      'waiting for the listing: only signs of life have come for 1m00s',
    ]);
    expect(linesOf({ ...stalled, alive: true }, QUIET)).toEqual([]);
  });

  test('a difference is a result', () =>
    expect(
      linesOf(
        {
          type: 'difference',
          difference: { key: 'data/0/a', reason: 'digest', source: '946b5bf9', destination: 'fb0077f9' },
        },
        QUIET,
      ),
    ).toMatchObject([{ to: 'stdout', text: 'differs  digest  source 946b5bf9, destination fb0077f9: data/0/a' }]));
});

describe('the line of a pass', () => {
  test("has the Sidecar's names", () =>
    expect(texts({ type: 'iteration-ended', iteration: iteration({ state: 'DOWNLOAD_COMPLETE' }) })).toEqual([
      'iteration 0: DOWNLOAD_COMPLETE totalFiles=5 totalSize=1.0MiB filesToDownload=5 bytesToDownload=1.0MiB ' +
        'filesDownloaded=5 bytesDownloaded=1.0MiB downloadFailures=0 matching=0%',
    ]));

  test('-1 reads ?, and counters that are not 0 are added', () =>
    expect(
      texts({
        type: 'iteration-ended',
        iteration: iteration({ bytesToDownload: -1, filesToDownload: -1, filesVanished: 2, filesRemoved: 3 }),
      })[0],
    ).toMatch(/filesToDownload=\? bytesToDownload=\? .* filesVanished=2 filesRemoved=3 matching=0%$/));

  test('a pass without a plan has no share', () =>
    expect(texts({ type: 'iteration-ended', iteration: iteration({ totalFiles: -1, totalSize: -1 }) })[0]).toMatch(
      / matching=\?$/,
    ));
});

test('the line of a listing counts what is excluded and names the first paths', () =>
  expect(
    texts({
      type: 'listed',
      side: 'source',
      entries: 120_331,
      bytes: 12.3 * GIB,
      excluded: 12,
      firstExcluded: ['data/0/ks/t/snapshots', 'data/0/ks/u/snapshots'],
      elapsedMs: 400,
    }),
  ).toEqual([
    'source: 120331 entries, 12.3 GiB, listed in 0.4 s; 12 excluded: data/0/ks/t/snapshots, data/0/ks/u/snapshots, …',
  ]));
