import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { bookedIn, createPace, createPacer, setLimit } from '../../src/pace/rate.js';

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
  test('without a limit nobody waits', () => expect(createPacer().take(1e12)).toBe(0));

  test('books one chunk behind the other', () => {
    const { now, wait } = fakeClock();
    const pacer = createPacer([createPace(1000)], now);
    expect(pacer.take(1050)).toBe(0); // 50 ms of it on credit
    expect(pacer.take(500)).toBe(1000);
    expect(pacer.take(500)).toBe(1500);
    wait(2000);
    expect(pacer.take(1)).toBe(0);
  });

  test('a long pause earns no burst beyond 50 ms', () => {
    const { now, wait } = fakeClock();
    const pacer = createPacer([createPace(1000)], now);
    wait(3_600_000);
    expect(pacer.take(50)).toBe(0);
    expect(pacer.take(1000)).toBe(0);
    expect(pacer.take(1)).toBe(1000);
  });

  test('two that share a clock share the limit; two that do not, do not', () => {
    const { now } = fakeClock();
    const shared = createPace(1000);
    expect(createPacer([shared], now).take(1050)).toBe(0);
    expect(createPacer([shared], now).take(1)).toBe(1000);
    expect(createPacer([createPace(1000)], now).take(1)).toBe(0);
  });

  test('keeps to the slowest of several paces, and books with all of them', () => {
    const { now } = fakeClock();
    const [slow, fast, free] = [createPace(1000), createPace(10_000), createPace()];
    const pacer = createPacer([slow, fast, free], now);
    pacer.take(2050);
    expect(pacer.take(1)).toBe(2000);
    expect([slow, fast, free].map(bookedIn)).toEqual([2051, 2051, 2051]);
    expect(createPacer([fast], now).take(1)).toBe(155);
    expect(createPacer([free], now).take(1)).toBe(0);
  });

  test('a new limit holds for what is booked from then on, in chunks of its own', () => {
    const { now } = fakeClock();
    const pace = createPace();
    const pacer = createPacer([pace], now);
    expect([pacer.take(1e9), pacer.chunkBytes]).toEqual([0, 1 << 20]);
    setLimit(pace, 100_000);
    expect([pacer.take(105_000), pacer.take(1), pacer.chunkBytes]).toEqual([0, 1000, 10_000]);
    setLimit(pace, undefined);
    expect(pacer.take(1e9)).toBe(0);
  });

  test('a raised limit brings forward what waits, a lowered one makes nobody wait longer', () => {
    const { now, wait } = fakeClock();
    const pace = createPace(1000);
    const pacer = createPacer([pace], now);
    pacer.take(10_050);
    expect(pacer.take(0)).toBe(10_000);
    wait(2000);
    setLimit(pace, 4000, now);
    expect(pacer.take(0)).toBe(2000);
    expect(pacer.take(4000)).toBe(2000);
    expect(pacer.take(0)).toBe(3000);
    setLimit(pace, 1000, now);
    expect(pacer.take(0)).toBe(3000);
    setLimit(pace, undefined, now);
    expect(pacer.take(0)).toBe(0);
    setLimit(pace, 1000, now);
    expect(pacer.take(50)).toBe(0); // what was moved without a limit is no debt
  });

  test('a sender that waits as long as it must never exceeds the limit, and reaches it although timers are late', () => {
    const lateMs = fc.double({ min: 0, max: 2, noNaN: true });
    const steps = fc.array(fc.tuple(fc.integer({ min: 10_000, max: 100_000 }), lateMs), { minLength: 50 });
    fc.assert(
      fc.property(steps, (steps) => {
        const { now, wait } = fakeClock();
        const rate = 10_000_000;
        const pacer = createPacer([createPace(rate)], now);
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
    expect(createPacer([createPace(rate)]).chunkBytes).toBe(chunkBytes),
  );
});
