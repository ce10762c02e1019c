import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { BUSY, CALM, firstRate, nextRate, type PressureSample, type YieldBounds } from '../../src/pace/yield-rate.js';

const MIB = 1 << 20;

const bounds = fc
  .tuple(fc.integer({ min: 1, max: 1e9 }), fc.option(fc.integer({ min: 1, max: 2e9 })))
  .map(([floor, ceiling]): YieldBounds => ({ floor, ceiling: ceiling ?? Number.POSITIVE_INFINITY }));

const sample = fc.record({
  pressure: fc.double({ min: 0, max: 1, noNaN: true }),
  readPerSecond: fc.double({ min: 0, max: 1e10, noNaN: true }),
});

const rateAfter = (samples: readonly PressureSample[], limits: YieldBounds) =>
  samples.reduce((rate, one) => nextRate(rate, one, limits), firstRate(limits));

/** A reader who takes all that it is given, until the pressure has been there for so many seconds. */
function reading(seconds: number, pressure: number, limits: YieldBounds, from = firstRate(limits)) {
  let rate = from;
  for (let i = 0; i < seconds; i++) rate = nextRate(rate, { pressure, readPerSecond: rate.bytesPerSecond }, limits);
  return rate;
}

describe('the rate beside a busy disk', () => {
  test('never leaves its bounds; the ceiling wins over a floor above it', () =>
    fc.assert(
      fc.property(fc.array(sample), bounds, (samples, limits) => {
        const { bytesPerSecond } = rateAfter(samples, limits);
        expect(bytesPerSecond).toBeLessThanOrEqual(limits.ceiling);
        expect(bytesPerSecond).toBeGreaterThanOrEqual(Math.min(limits.floor, limits.ceiling));
      }),
    ));

  test('is halved by every busy second, or is at the floor', () =>
    fc.assert(
      fc.property(fc.array(sample), sample, bounds, (samples, last, limits) => {
        const before = rateAfter(samples, limits);
        const busy = { ...last, pressure: BUSY + 0.001 + last.pressure * (0.99 - BUSY) };
        const { bytesPerSecond } = nextRate(before, busy, limits);
        expect(bytesPerSecond).toBeLessThanOrEqual(Math.max(limits.floor, before.bytesPerSecond / 2));
      }),
    ));

  test('does not rise while the disk is neither calm nor busy', () =>
    fc.assert(
      fc.property(fc.array(sample), sample, bounds, (samples, last, limits) => {
        const before = rateAfter(samples, limits);
        const between = { ...last, pressure: CALM + last.pressure * (BUSY - CALM) };
        expect(nextRate(before, between, limits)).toEqual(before);
      }),
    ));

  test('does not fall in a calm second', () =>
    fc.assert(
      fc.property(fc.array(sample), sample, bounds, (samples, last, limits) => {
        const before = rateAfter(samples, limits);
        const calm = { ...last, pressure: last.pressure * CALM * 0.99 };
        expect(nextRate(before, calm, limits).bytesPerSecond).toBeGreaterThanOrEqual(before.bytesPerSecond);
      }),
    ));

  test('begins at the floor and doubles until the disk is busy for the first time', () => {
    const limits = { floor: 8 * MIB, ceiling: Number.POSITIVE_INFINITY };
    expect(firstRate(limits).bytesPerSecond).toBe(8 * MIB);
    expect(reading(5, 0, limits).bytesPerSecond).toBe(256 * MIB);
    const backedOff = nextRate(reading(5, 0, limits), { pressure: 0.9, readPerSecond: 256 * MIB }, limits);
    expect(backedOff.bytesPerSecond).toBe(128 * MIB);
    const [sixth, eighth] = [6, 8].map((seconds) => reading(seconds, 0, limits, backedOff).bytesPerSecond);
    expect(sixth).toBeLessThan(256 * MIB); // slower up than down
    expect(eighth).toBeGreaterThan(256 * MIB);
  });

  test('is at the ceiling again after a minute or two of calm', () => {
    const limits = { floor: 8 * MIB, ceiling: 1000 * MIB };
    const pressed = reading(20, 1, limits, reading(20, 0, limits));
    expect(pressed.bytesPerSecond).toBe(8 * MIB);
    expect(reading(60, 0, limits, pressed).bytesPerSecond).toBe(1000 * MIB);
  });

  test('falls from what is read, not from a limit that nobody reached', () => {
    const limits = { floor: 8 * MIB, ceiling: Number.POSITIVE_INFINITY };
    const rate = { bytesPerSecond: 10_000 * MIB, isRising: false };
    expect(nextRate(rate, { pressure: 1, readPerSecond: 100 * MIB }, limits).bytesPerSecond).toBe(50 * MIB);
  });

  test('does not rise while nothing is read', () => {
    const limits = { floor: 8 * MIB, ceiling: Number.POSITIVE_INFINITY };
    const idle = Array.from({ length: 100 }, () => ({ pressure: 0, readPerSecond: 0 }));
    expect(rateAfter(idle, limits).bytesPerSecond).toBe(8 * MIB);
  });
});
