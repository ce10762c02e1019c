import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { createPacer, sharedPace } from '../../src/wire/rate.js';

/** A clock that moves only when the test waits. */
function fakeClock() {
  let ns = 7_000_000_000n;
  return {
    now: () => ns,
    wait: (ms: number) => {
      ns += BigInt(Math.round(ms * 1e6));
    },
  };
}

describe('createPacer', () => {
  test('without a limit nobody waits', () => expect(createPacer(undefined).take(1e12)).toBe(0));

  test('books one chunk behind the other', () => {
    const { now, wait } = fakeClock();
    const pacer = createPacer(1000, sharedPace(), now);
    expect(pacer.take(1050)).toBe(0); // 50 ms of it on credit
    expect(pacer.take(500)).toBe(1000);
    expect(pacer.take(500)).toBe(1500);
    wait(2000);
    expect(pacer.take(1)).toBe(0);
  });

  test('a long pause earns no burst beyond 50 ms', () => {
    const { now, wait } = fakeClock();
    const pacer = createPacer(1000, sharedPace(), now);
    wait(3_600_000);
    expect(pacer.take(50)).toBe(0);
    expect(pacer.take(1000)).toBe(0);
    expect(pacer.take(1)).toBe(1000);
  });

  test('two that share a clock share the limit; two that do not, do not', () => {
    const { now } = fakeClock();
    const shared = sharedPace();
    expect(createPacer(1000, shared, now).take(1050)).toBe(0);
    expect(createPacer(1000, shared, now).take(1)).toBe(1000);
    expect(createPacer(1000, sharedPace(), now).take(1)).toBe(0);
  });

  test('whoever waits as told never exceeds the limit, and reaches it although timers are late', () => {
    const lateMs = fc.double({ min: 0, max: 2, noNaN: true });
    const steps = fc.array(fc.tuple(fc.integer({ min: 10_000, max: 100_000 }), lateMs), { minLength: 50 });
    fc.assert(
      fc.property(steps, (steps) => {
        const { now, wait } = fakeClock();
        const rate = 10_000_000;
        const pacer = createPacer(rate, sharedPace(), now);
        const begin = now();
        let sent = 0;
        for (const [bytes, late] of steps) {
          const ms = pacer.take(bytes);
          if (ms > 0) wait(ms + late);
          const seconds = Number(now() - begin) / 1e9;
          expect(sent).toBeLessThanOrEqual(rate * (seconds + 0.05) + 0.001 * rate);
          sent += bytes;
          expect(sent).toBeGreaterThanOrEqual(rate * (seconds - 0.003));
        }
      }),
    );
  });

  test.each([
    [undefined, 1 << 20],
    [1e9, 1 << 20],
    [1_000_000, 100_000],
    [1, 4096],
  ])('a limit of %s bytes a second is sent in chunks of %i', (rate, chunkBytes) =>
    expect(createPacer(rate).chunkBytes).toBe(chunkBytes),
  );
});
