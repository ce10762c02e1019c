// What a final pass is forecast to take, by what a survey has found, and whether further passes make it shorter.

import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { forecastOf, grownMs, totalMs } from '../../src/forecast/forecast.js';
import type { Measured, Surveyed } from '../../src/forecast/inputs.js';
import { trendOf } from '../../src/forecast/trend.js';

const MIB = 2 ** 20;
const GIB = 2 ** 30;

/** 100 MiB/s in both directions, near enough. */
const MEASURED: Measured = {
  fetches: [{ bytes: 10 * GIB, entries: 100, ms: 102_400 }],
  reads: [{ bytes: 10 * GIB, entries: 100, ms: 102_400 }],
  overheadMs: 200,
};

const surveyed = (of: Partial<Surveyed> = {}): Surveyed => ({
  ...{ atMs: 1_000_000, tookMs: 500, listedMs: 10_000 },
  total: { entries: 1000, bytes: 10 * GIB },
  open: { entries: 0, bytes: 0 },
  subtrees: [],
  commitLogs: undefined,
  digestedBytes: 0,
  unread: { entries: 0, bytes: 0 },
  keepsProofs: true,
  hintWindow: { ms: 10_800_000, stated: false },
  ...of,
});

const msOf = (of: Partial<Surveyed>, part: string): number =>
  forecastOf(surveyed(of), MEASURED).parts.find(({ name }) => name === part)?.ms ?? 0;

test('listing twice, what differs by the rate, and reading it: the parts add up', () => {
  const open = { entries: 10, bytes: GIB };
  const forecast = forecastOf(surveyed({ open }), MEASURED);
  expect(forecast.parts.reduce((sum, { ms }) => sum + ms, 0)).toBe(totalMs(forecast));
  expect(forecast).toMatchObject({ fetch: open, read: open });
  expect(msOf({ open }, 'list')).toBe(1000);
  for (const part of ['fetch', 'verify']) {
    expect(msOf({ open }, part)).toBeGreaterThan(9_500);
    expect(msOf({ open }, part)).toBeLessThan(12_500);
  }
});

test('where nothing differs, it lists once in the copy and once in the verification', () => {
  const forecast = forecastOf(surveyed(), MEASURED);
  expect(forecast.parts.map(({ name }) => name)).toEqual(['guards', 'list', 'verify']);
  expect(totalMs(forecast)).toBeLessThan(2_000);
});

test('what no verification has read yet is read in the downtime; a Sidecar keeps no proof, so all is', () => {
  const unread = { entries: 1000, bytes: 10 * GIB };
  expect(msOf({ unread }, 'verify')).toBeGreaterThan(90_000);
  expect(msOf({ keepsProofs: false }, 'verify')).toBeGreaterThan(90_000);
  const open = { entries: 10, bytes: GIB };
  expect(forecastOf(surveyed({ unread, open }), MEASURED).read).toEqual(unread); // never more than there is
});

test('what has to be fetched, read or listed never makes it shorter', () =>
  fc.assert(
    fc.property(
      fc.record({ entries: fc.integer({ min: 1, max: 900 }), bytes: fc.nat(10 * GIB) }),
      fc.record({ entries: fc.nat(1000), bytes: fc.nat(10 * GIB) }),
      fc.constantFrom('open', 'unread', 'tookMs', 'digestedBytes'),
      (share, more, grows) => {
        const before = surveyed({ open: share, unread: share });
        const grown = { entries: share.entries + more.entries, bytes: share.bytes + more.bytes };
        const after = { open: grown, unread: grown, tookMs: 500 + more.entries, digestedBytes: more.bytes };
        const longer = totalMs(forecastOf({ ...before, [grows]: after[grows] }, MEASURED));
        expect(longer).toBeGreaterThanOrEqual(totalMs(forecastOf(before, MEASURED)));
      },
    ),
  ));

describe('a Cassandra', () => {
  const logs = { entries: 5, bytes: 160 * MIB }; // hot segments in their full size; a sixth is here already
  const open = { entries: 7, bytes: logs.bytes + 20 * MIB };
  const commitLogs = { entries: 6, writtenBytes: 170 * MIB, open: logs };

  test('a drain flushes what is in the commit logs: as much comes as SSTables, in place of them', () => {
    const forecast = forecastOf(surveyed({ open, commitLogs }), MEASURED);
    expect(forecast).toMatchObject({ drainBytes: 170 * MIB, fetch: { entries: 8, bytes: 190 * MIB } });
    expect(forecast.hintWindow).toEqual({ ms: 10_800_000, stated: false });
  });

  test('other trees have neither', () => {
    const forecast = forecastOf(surveyed({ open }), MEASURED);
    expect(forecast).not.toHaveProperty('drainBytes');
    expect(forecast).not.toHaveProperty('hintWindow');
  });
});

test.each([
  [100, 80, 'converging'],
  [100, 81, 'flat'],
  [100, 124, 'flat'],
  [100, 125, 'diverging'],
  [100, 0, 'converging'],
] as const)('from %d to %d is %s', (before, now, trend) => expect(trendOf(before, now)).toBe(trend));

test('between two listings: what has changed, how fast that is, and how fast it is copied', () => {
  const before = surveyed({ open: { entries: 1000, bytes: 10 * GIB } });
  const subtrees = [{ key: 'data/0/ks', entries: 9, bytes: GIB }];
  const now = surveyed({ listedMs: 110_000, open: { entries: 10, bytes: GIB }, subtrees });
  const { change } = forecastOf(now, MEASURED, before);
  expect(change).toMatchObject({
    ...{ trend: 'converging', overMs: 100_000, changed: { entries: 10, bytes: GIB }, subtrees },
    changedBytesPerSecond: Math.round(GIB / 100),
  });
  expect(change!.copiedBytesPerSecond! / MIB).toBeGreaterThan(85);
  expect(change!.copiedBytesPerSecond! / MIB).toBeLessThan(105);
  expect(forecastOf(before, MEASURED)).not.toHaveProperty('change');
});

test('as the source goes on changing it grows, and never beyond a copy of all of it', () => {
  const before = surveyed({ listedMs: 0, open: { entries: 10, bytes: GIB } });
  const forecast = forecastOf(surveyed({ listedMs: 10_000, open: { entries: 10, bytes: GIB } }), MEASURED, before);
  const { atMs, growth } = forecast;
  expect(grownMs(forecast, atMs)).toBe(totalMs(forecast));
  expect(grownMs(forecast, atMs - 1000)).toBe(totalMs(forecast)); // a clock that was set back
  const grown = grownMs(forecast, atMs + 10_000) - totalMs(forecast); // as much again: to be fetched, and to be read
  expect(grown).toBeGreaterThan(18_000);
  expect(grown).toBeLessThan(23_000);
  expect(grownMs(forecast, atMs + 1e9)).toBe(growth!.upToMs);
});
