import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { Reading } from '../../src/render/meter.js';
import { barLine, logLine } from '../../src/render/progress-line.js';

const GIB = 1024 ** 3;

const reading: Reading = {
  percent: 41,
  bytesPerSecond: 88 * 1024 ** 2,
  etaMs: 65_000,
  progress: {
    type: 'progress',
    iteration: 2,
    doing: 'download',
    bytesDone: 1.2 * GIB,
    bytesTotal: 2.9 * GIB,
    filesDone: 812,
    filesTotal: 2_000,
  },
};

describe('on a terminal', () => {
  test.each([
    [
      120,
      '41% [================------------------------] 1.2 GiB of 2.9 GiB, 88.0 MiB/s, 812 of 2000 files, ETA 1m05s',
    ],
    [60, '41% [====--------] 1.2 GiB of 2.9 GiB, 88.0 MiB/s, ETA 1m05s'],
    [39, '41% [====-------] 88.0 MiB/s, ETA 1m05s'],
    [30, '41% 88.0 MiB/s, ETA 1m05s'],
    [12, '41%'],
    [1, '4'],
  ])('%d columns', (width, line) => {
    const got = barLine(reading, width);
    expect(got.length).toBeLessThanOrEqual(width);
    expect(got).toBe(line);
  });

  test('law: it fits any width', () => {
    fc.assert(fc.property(fc.nat(200), (width) => barLine(reading, width).length <= width));
  });
});

describe('in a log', () => {
  test('says which pass', () =>
    expect(logLine(reading)).toBe('iteration 2: 41%, 1.2 GiB of 2.9 GiB, 88.0 MiB/s, 812 of 2000 files, ETA 1m05s'));

  test('says what it does when it moves no bytes to this host', () => {
    const progress = { ...reading.progress, doing: 'compare' } as const;
    expect(logLine({ ...reading, progress })).toMatch(/^iteration 2, comparing: 41%, .*, ETA 1m05s$/);
    expect(logLine({ ...reading, progress: { ...progress, doing: 'verify' } })).toMatch(/^verifying: 41%/);
    expect(logLine({ ...reading, progress: { ...progress, doing: 'repair' } })).toMatch(/^repairing: 41%/);
  });

  test.each([
    ['nothing known yet', { bytesPerSecond: undefined, etaMs: undefined }, '? B/s', 'ETA ?'],
    ['nothing moves', { bytesPerSecond: 0, etaMs: undefined }, '0 B/s', 'stalled'],
  ])('%s', (_, fields, rate, end) => {
    const line = logLine({ ...reading, ...fields });
    expect(line).toContain(rate);
    expect(line.endsWith(end)).toBe(true);
  });

  test.each([0, 1.1 * GIB])('nothing has moved yet, %d bytes were kept: it is not stalled', (bytesReused) => {
    const progress = { ...reading.progress, bytesDone: bytesReused, bytesReused };
    expect(logLine({ ...reading, bytesPerSecond: 0, etaMs: undefined, progress })).toMatch(/ETA \?$/);
  });

  test('all bytes done, files left', () =>
    expect(logLine({ ...reading, etaMs: undefined, progress: { ...reading.progress, bytesDone: 2.9 * GIB } })).toMatch(
      /finishing$/,
    ));
});

describe('an end that yields', () => {
  const at = (bytesPerSecond: number) => ({ bytesPerSecond, pressure: 0.344 });
  const yielding = (ends: Reading['progress']['yielding'] & {}): Reading => ({
    ...reading,
    progress: { ...reading.progress, doing: 'verify', yielding: ends },
  });
  const there = 'yielding to I/O at the source: 12.0 MiB/s, pressure 34%';

  test('is named in logs; of two, the slower', () => {
    expect(logLine(yielding({ source: at(12 << 20) }))).toMatch(new RegExp(`, ETA 1m05s, ${there}$`));
    expect(logLine(yielding({ source: at(12 << 20), destination: at(13 << 20) }))).toContain(there);
    expect(logLine(yielding({ source: at(14 << 20), destination: at(13 << 20) }))).toContain(
      'yielding to I/O here: 13.0 MiB/s, pressure 34%',
    );
    expect(logLine(reading)).not.toContain('yielding');
  });

  test.each([
    [140, `41% [======----------] 1.2 GiB of 2.9 GiB, 88.0 MiB/s, 812 of 2000 files, ETA 1m05s, ${there}`],
    [79, `41% ETA 1m05s, ${there}`],
    [39, '41% [====-------] 88.0 MiB/s, ETA 1m05s'],
    [12, '41%'],
  ])('fits %d columns', (width, line) => {
    const got = barLine(yielding({ source: at(12 << 20) }), width);
    expect(got.length).toBeLessThanOrEqual(width);
    expect(got).toBe(line);
  });
});
