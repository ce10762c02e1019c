import { closeSync, lstatSync, mkdtempSync, openSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { setLinkTime, setTime } from '../../src/files/set-time.js';
import {
  fromMilliseconds,
  joinMicroseconds,
  milliseconds,
  sameTime,
  splitMicroseconds,
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
    ['-4294967296000000000', '-4294967296000001000', 'us', true],
    ['-1000000000000000000', '-1000000000000001000', 'us', false],
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
});

describe('a time that was set reads back the same', () => {
  let dir: string;
  let fd: number;
  beforeAll(() => {
    dir = mkdtempSync(join(tmpdir(), 'lm-times-'));
    fd = openSync(join(dir, 'open'), 'w');
    closeSync(openSync(join(dir, 'named'), 'w'));
    symlinkSync('nowhere', join(dir, 'link'));
  });
  afterAll(() => {
    closeSync(fd);
    rmSync(dir, { recursive: true });
  });

  const ways: [string, (ns: string) => void][] = [
    ['open', (ns) => setTime(fd, ns)],
    ['named', (ns) => setTime(join(dir, 'named'), ns)],
    ['link', (ns) => setLinkTime(join(dir, 'link'), ns)],
  ];
  const found = (name: string) => lstatSync(join(dir, name), { bigint: true }).mtimeNs;

  test.each(ways)('of what is %s, to the microsecond', (name, set) => {
    fc.assert(
      fc.property(fc.bigInt({ min: -2_000_000_000_000_000_000n, max: 15_000_000_000_000_000_000n }), (ns) => {
        set(`${ns}`);
        const gotNs = found(name);
        expect({ gotNs, same: sameTime(`${gotNs}`, `${ns}`, 'us') }).toEqual({ gotNs, same: true });
      }),
      { numRuns: 1000 },
    );
  });

  // A double of seconds is 238 ns from the next until 2038; nothing is late by more.
  test.each(ways)('of what is %s, and no later than a double must be', (name, set) => {
    fc.assert(
      fc.property(fc.bigInt({ min: -(2n ** 31n) * 1_000_000n, max: 2n ** 31n * 1_000_000n }), (us) => {
        set(`${us * 1000n}`);
        expect(found(name) - us * 1000n).toBeLessThan(239n);
      }),
      { numRuns: 300 },
    );
  });

  test.each(ways)('of what is %s, exactly where a double can be exact', (name, set) => {
    for (const ms of [0, 1_000, 1_700_000_000_000, 1_700_000_000_500, -1_000, -500, -1_500, -1_000_000_000_250]) {
      set(`${ms * 1_000_000}`);
      expect(found(name)).toBe(BigInt(ms) * 1_000_000n);
    }
  });
});
