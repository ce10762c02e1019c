import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { formatBytes, formatEntries, formatEta, formatRate, formatShare, formatSpan } from '../src/amounts.js';

describe('sizes', () => {
  test.each([
    [-1, '?'],
    [0, '0 B'],
    [1023, '1023 B'],
    [1024, '1.0 KiB'],
    [1024 ** 2 - 1, '1.0 MiB'], // not "1024.0 KiB"
    [12.3 * 1024 ** 3, '12.3 GiB'],
    [1024 ** 6, '1024.0 PiB'],
  ])('%d reads %s', (bytes, text) => expect(formatBytes(bytes)).toBe(text));

  test('a rate is a size per second', () => expect(formatRate(88 * 1024 ** 2)).toBe('88.0 MiB/s'));
});

describe('durations', () => {
  test.each([
    [0, '0.0 s'],
    [400, '0.4 s'],
    [10_000, '10s'],
    [59_001, '1m00s'],
    [200_000, '3m20s'],
    [3_900_000, '1h05m'],
    [187_200_000, '2d04h'],
  ])('%d ms reads %s', (ms, text) => expect(formatSpan(ms)).toBe(text));

  test('an ETA reads 0s only for 0', () => {
    fc.assert(fc.property(fc.double({ min: 0.001, max: 1e12, noNaN: true }), (ms) => formatEta(ms) !== '0s'));
  });
});

describe('shares', () => {
  test.each([
    [0, '0 %'],
    [0.95, '95 %'],
    [0.29, '29 %'],
    [0.999999, '99.99 %'],
    [1, '100 %'],
  ])('%d reads %s', (ratio, text) => expect(formatShare(ratio)).toBe(text));

  test('no share below one reads 100 %', () => {
    fc.assert(
      fc.property(fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), (r) => formatShare(r) !== '100 %'),
    );
  });
});

test('the singular is used for one entry', () => {
  expect(formatEntries(1)).toBe('1 entry');
  expect(formatEntries(812)).toBe('812 entries');
});
