import { expect, test } from '@jest/globals';
import { createLiveLimit } from '../../src/pace/live-limit.js';
import { followingPace } from '../../src/pace/local-pace.js';
import { createPacer } from '../../src/pace/rate.js';
import { parseRateLimit } from '../../src/settings/values/rate-limit.js';

test('follows the clock and the operator, and so does whoever follows it', () => {
  let now = Date.parse('2026-06-01T07:59:59Z');
  const limit = createLiveLimit(parseRateLimit('08:00-18:00=1MB/s, else off, zone UTC'), () => now);
  const seen: (number | undefined)[] = [];
  const leave = limit.follow((rate) => void seen.push(rate));
  expect([limit.look(), limit.now()]).toEqual([false, undefined]);
  now += 1_000;
  expect([limit.look(), limit.look(), limit.now()]).toEqual([true, false, 1e6]);
  limit.state(parseRateLimit('2MB/s'));
  now += 24 * 3_600_000;
  expect([limit.look(), limit.now(), limit.stated()?.text]).toEqual([false, 2e6, '2MB/s']);
  leave();
  limit.state(undefined);
  expect([limit.now(), seen]).toEqual([undefined, [undefined, 1e6, 2e6]]);
});

test('what waits for its turn at a low rate has it soon when another hour comes', () => {
  let now = Date.parse('2026-06-01T17:59:00Z');
  const limit = createLiveLimit(parseRateLimit('08:00-18:00=1kB/s, else 1GB/s, zone UTC'), () => now);
  const { pace, close } = followingPace(limit);
  const pacer = createPacer([pace]);
  pacer.take(3_600_000);
  expect(pacer.take(0)).toBeGreaterThan(3_000_000);
  now += 60_000;
  limit.look();
  expect(pacer.take(0)).toBeLessThan(4);
  close();
  limit.state(parseRateLimit('1kB/s'));
  expect(pacer.chunkBytes).toBe(1 << 20);
});
