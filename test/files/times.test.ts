import { closeSync, futimesSync, lstatSync, mkdtempSync, openSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import {
  fromMilliseconds,
  joinMicroseconds,
  milliseconds,
  sameTime,
  splitMicroseconds,
  utimesSeconds,
} from '../../src/files/times.js';

describe('times', () => {
  test.each([
    ['1731000001456789123', '1731000001456789999', 'us', true],
    ['1731000001456789123', '1731000001456790000', 'us', false],
    ['1731000001456789123', '1731000001456000000', 'ms', true],
    ['1731000001456789123', '1731000001457000000', 'ms', false],
    ['999', '0', 'us', true],
    ['-1', '-1000', 'us', true],
    ['-1', '0', 'us', false],
    ['4294967296000000000', '4294967296000001000', 'us', true],
    ['4294967296000000000', '4294967296000005000', 'us', false],
    ['4294967295000000000', '4294967295000001000', 'us', false],
  ] as const)('%s and %s to the %s: %s', (a, b, unit, equal) => expect(sameTime(a, b, unit)).toBe(equal));

  test.each([
    ['1731000001456789123', ['1731000001456789', 123]],
    ['1731000001456789003', ['1731000001456789', 3]],
    ['1000', ['1', 0]],
    ['999', ['0', 999]],
    ['0', ['0', 0]],
    ['-1', ['-1', 999]],
    ['-1000', ['-1', 0]],
    ['-1001', ['-2', 999]],
  ] as const)('%s is cut, floored, and put together again', (ns, [us, rest]) => {
    expect(splitMicroseconds(ns)).toEqual([us, rest]);
    expect(joinMicroseconds(us, rest)).toBe(ns);
  });

  test('milliseconds are floored, also before 1970', () => {
    expect(milliseconds('1731000001456999999')).toBe(1731000001456);
    expect(milliseconds('-1')).toBe(-1);
    expect(fromMilliseconds(1731000001456)).toBe('1731000001456000000');
  });

  test('a time that was set reads back the same', () => {
    const dir = mkdtempSync(join(tmpdir(), 'lm-times-'));
    try {
      const path = join(dir, 'f');
      const fd = openSync(path, 'w');
      fc.assert(
        fc.property(fc.bigInt({ min: -2_000_000_000_000_000_000n, max: 15_000_000_000_000_000_000n }), (ns) => {
          futimesSync(fd, utimesSeconds(`${ns}`), utimesSeconds(`${ns}`));
          expect(sameTime(`${lstatSync(path, { bigint: true }).mtimeNs}`, `${ns}`, 'us')).toBe(true);
        }),
        { numRuns: 3000 },
      );
      closeSync(fd);
    } finally {
      rmSync(dir, { recursive: true });
    }
  });
});
