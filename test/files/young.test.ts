import { closeSync, fstatSync, mkdtempSync, openSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { FileClocks, isYoung, mayBeYoung } from '../../src/files/young.js';

/** Seconds, an odd number of them, so that a whole second is not taken for vfat's two. */
const NOW = 1_700_000_001;
const ns = (seconds: number): bigint => BigInt(Math.round(seconds * 1e6)) * 1_000n;
const at = (seconds: number) => ({ lowNs: ns(seconds), highNs: ns(seconds) });

describe('isYoung', () => {
  test.each<[boolean, string, { mtime: number; ctime: number; now: number }]>([
    [true, 'written just now', { mtime: NOW - 0.001, ctime: NOW - 0.001, now: NOW }],
    [true, 'written a little less than 2 s ago', { mtime: NOW - 1.999, ctime: NOW - 1.999, now: NOW }],
    [false, 'written 2 s ago', { mtime: NOW - 2.001, ctime: NOW - 2.001, now: NOW }],
    [true, 'an old time that was set just now', { mtime: NOW - 1e6, ctime: NOW - 0.5, now: NOW }],
    [true, 'a time a little ahead: it is still to come', { mtime: NOW + 5.5, ctime: NOW - 9.5, now: NOW }],
    [false, 'a time far ahead: it was set', { mtime: NOW + 3600.5, ctime: NOW - 9.5, now: NOW }],
    [true, 'a whole second, which stands for all of it', { mtime: NOW, ctime: NOW, now: NOW + 2.999 }],
    [false, 'a whole second that is long over', { mtime: NOW, ctime: NOW, now: NOW + 3.001 }],
    [true, 'an even second, which on vfat stands for two', { mtime: NOW + 1, ctime: NOW + 1, now: NOW + 4.999 }],
    [false, 'an even second that is long over', { mtime: NOW + 1, ctime: NOW + 1, now: NOW + 5.001 }],
    [false, 'before 1970', { mtime: -7, ctime: NOW - 9.5, now: NOW }],
  ])('%s: %s', (young, _, { mtime, ctime, now }) =>
    expect(isYoung({ mtimeNs: ns(mtime), ctimeNs: ns(ctime) }, at(now))).toBe(young),
  );
});

describe('mayBeYoung, for a source that does not report it', () => {
  test.each<[boolean, string, number]>([
    [true, 'just now', NOW - 0.5],
    [true, 'within what the clocks of two hosts may differ', NOW - 59.5],
    [true, 'ahead of this host', NOW + 59.5],
    [false, 'long ago', NOW - 65.5],
  ])('%s: %s', (young, _, mtime) => expect(mayBeYoung(ns(mtime), NOW * 1000)).toBe(young));
});

describe('the clock of a file system', () => {
  function clocksAt(kernelStamps: boolean) {
    const time = { hostMs: NOW * 1000, elapsedMs: 0 };
    const clocks = new FileClocks(
      () => time.hostMs,
      () => time.elapsedMs,
      () => kernelStamps,
    );
    const pass = (ms: number) => {
      time.hostMs += ms;
      time.elapsedMs += ms;
    };
    return { clocks, time, pass };
  }
  const file = (ctime: number, dev = 1n) => ({ dev, ctimeNs: ns(ctime), mtimeNs: ns(ctime) });

  test('is this host’s where the kernel sets the times', () => {
    const { clocks } = clocksAt(true);
    expect(clocks.read(0, file(NOW - 100.5))).toEqual(at(NOW));
    expect(clocks.isYoung(0, file(NOW - 100.5), 0)).toBe(false);
  });

  test('elsewhere is no later than is known for sure: a server whose clock is behind', () => {
    const { clocks, pass } = clocksAt(false);
    expect(clocks.isYoung(0, file(NOW - 100.5), 0)).toBe(true); // nothing newer was seen: it may have been written just now
    expect(clocks.isYoung(0, file(NOW - 200.5), 0)).toBe(false);
    pass(1_000);
    expect(clocks.isYoung(0, file(NOW - 100.5), 1_000)).toBe(true);
    pass(1_001);
    expect(clocks.isYoung(0, file(NOW - 100.5), 2_001)).toBe(false); // two seconds later by any clock
    expect(clocks.isYoung(0, file(NOW - 98.4), 2_001)).toBe(true);
    expect(clocks.isYoung(0, file(NOW - 98.4, 2n), 2_001)).toBe(true); // another device knows nothing of it
  });

  test('a server whose clock is ahead', () => {
    const { clocks, pass } = clocksAt(false);
    expect(clocks.isYoung(0, file(NOW + 100.5), 0)).toBe(true);
    pass(5_000);
    expect(clocks.isYoung(0, file(NOW + 105.4), 5_000)).toBe(true);
  });

  test('the beginning of the reading counts, however long it takes', () => {
    const { clocks, pass } = clocksAt(true);
    const written = file(NOW - 0.5);
    pass(60_000);
    expect(clocks.isYoung(0, written, 0)).toBe(true);
    expect(clocks.isYoung(0, written, 60_000)).toBe(false);
  });

  test('of real files here', () => {
    const dir = mkdtempSync(join(tmpdir(), 'lm-young-'));
    writeFileSync(join(dir, 'f'), 'x');
    utimesSync(join(dir, 'f'), 1, 1); // its ctime is now all the same
    const fd = openSync(join(dir, 'f'), 'r');
    const clocks = new FileClocks();
    expect(clocks.isYoung(fd, fstatSync(fd, { bigint: true }), performance.now() - 600_000)).toBe(true);
    closeSync(fd);
    rmSync(dir, { recursive: true });
  });
});

test('a ctime counts where the kernel sets it, and nowhere else', () => {
  for (const [path, counts] of [
    [import.meta.filename, true],
    ['/proc/version', false],
  ] as const) {
    const fd = openSync(path, 'r');
    const stat = fstatSync(fd, { bigint: true });
    expect(new FileClocks().ctimeOf(fd, stat)).toBe(counts ? `${stat.ctimeNs}` : '0');
    closeSync(fd);
  }
});
