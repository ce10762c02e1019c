// A pace that follows a file of pressure, which the test writes as the kernel would.

import { renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, expect, test } from '@jest/globals';
import { createLiveLimit } from '../../src/pace/live-limit.js';
import { startLocalPace } from '../../src/pace/local-pace.js';
import { createPacer } from '../../src/pace/rate.js';
import { startYielding, type Yielding } from '../../src/pace/yielding.js';
import { parseRateLimit } from '../../src/settings/values/rate-limit.js';
import { scratch } from '../agent/running-agent.js';
import { until } from '../support/holders.js';

const { dir, remove } = scratch();
const pressureFile = join(dir, 'io');
const open: Yielding[] = [];

afterEach(() => {
  for (const one of open.splice(0)) one.close();
});
afterAll(remove);

const EVERY_MS = 20;
const KIB = 1024;

function write(waitedUs: number): void {
  writeFileSync(`${pressureFile}.new`, `some avg10=0.00 avg60=0.00 avg300=0.00 total=${waitedUs}\n`);
  renameSync(`${pressureFile}.new`, pressureFile);
}

function start(limits: { floor: number; ceiling: number }): Yielding {
  const { floor, ceiling } = limits;
  const yielding = startYielding({ floor, ceiling: () => ceiling, pressureFile, everyMs: EVERY_MS });
  open.push(yielding);
  return yielding;
}

const rateOf = (yielding: Yielding): number => {
  const state = yielding.state();
  return 'why' in state ? Number.NaN : state.bytesPerSecond;
};

test('rises while the disk is calm, falls to the floor while it is busy, and rises again', async () => {
  write(0);
  const yielding = start({ floor: 1000 * KIB, ceiling: 64_000 * KIB });
  expect(rateOf(yielding)).toBe(1000 * KIB);
  const { take } = createPacer([yielding.pace]);
  const reader = setInterval(() => take(4_000 * KIB), EVERY_MS / 4);
  let waitedUs = 0;
  try {
    await until(() => rateOf(yielding) === 64_000 * KIB);
    const busy = setInterval(() => {
      waitedUs += 10_000_000;
      write(waitedUs);
    }, 1);
    await until(() => rateOf(yielding) === 1000 * KIB);
    clearInterval(busy);
    expect(yielding.state()).toMatchObject({ pressure: expect.any(Number) });
    await until(() => rateOf(yielding) > 4000 * KIB);
  } finally {
    clearInterval(reader);
  }
});

test('where the pressure is not to be known, the limit alone holds, as it is then, and it says why', async () => {
  rmSync(pressureFile, { force: true });
  const limit = createLiveLimit(parseRateLimit('4kB/s'));
  const limited = startLocalPace({ limit, yieldFloor: 1000, pressureFile });
  open.push(limited.yielding!);
  expect(limited.yielding!.state()).toEqual({ why: expect.stringContaining('there is no') });
  const pacer = createPacer(limited.paces);
  pacer.take(4000);
  expect(pacer.take(1)).toBeGreaterThan(500);
  limit.state(undefined);
  expect(pacer.take(1e12)).toBe(0);
});

test('a file that goes away in the middle ends the yielding', async () => {
  write(0);
  const yielding = start({ floor: 1000, ceiling: 4000 });
  expect(yielding.state()).toMatchObject({ bytesPerSecond: 1000 });
  rmSync(pressureFile);
  await until(() => 'why' in yielding.state());
});
