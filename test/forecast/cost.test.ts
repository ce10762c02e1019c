// That what work costs is learned from what it has cost: by the byte and by the file, on machines and lines of every speed.

import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { type Cost, costOf, learnCost, type Sample } from '../../src/forecast/cost.js';

const MIB = 2 ** 20;
const PRIOR: Cost = { baseMs: 150, msPerByte: 1000 / (200 * MIB), msPerEntry: 0.1 };

const share = fc.record({ entries: fc.integer({ min: 1, max: 1e6 }), bytes: fc.integer({ min: 0, max: 1e12 }) });
const sample = fc.record({ ms: fc.integer({ min: 0, max: 1e8 }), entries: fc.nat(1e6), bytes: fc.nat(1e12) });

/** From 1 MiB/s to 2 GiB/s. */
const truth = fc
  .record({
    mibPerSecond: fc.integer({ min: 1, max: 2048 }),
    msPerEntry: fc.double({ min: 0.01, max: 0.5, noNaN: true }),
  })
  .map(({ mibPerSecond, msPerEntry }): Cost => ({ baseMs: 150, msPerByte: 1000 / (mibPerSecond * MIB), msPerEntry }));

const measured = (cost: Cost, work: { entries: number; bytes: number }): Sample => ({
  ...work,
  ms: costOf(cost, work),
});

test('without samples it is the usual', () => expect(learnCost([], PRIOR)).toEqual(PRIOR));

test('nothing costs nothing', () => expect(costOf(PRIOR, { entries: 0, bytes: 0 })).toBe(0));

test('whatever was measured, more work never costs less', () =>
  fc.assert(
    fc.property(fc.array(sample, { maxLength: 8 }), share, share, (samples, one, more) => {
      const cost = learnCost(samples, PRIOR);
      const both = { entries: one.entries + more.entries, bytes: one.bytes + more.bytes };
      expect(costOf(cost, one)).toBeGreaterThanOrEqual(0);
      expect(costOf(cost, both)).toBeGreaterThanOrEqual(costOf(cost, one));
    }),
  ));

test('work like the last is forecast as what that took', () =>
  fc.assert(
    fc.property(
      truth,
      fc.integer({ min: 64, max: 100_000 }),
      fc.integer({ min: 1, max: 10_000 }),
      (cost, mib, entries) => {
        const work = { bytes: mib * MIB, entries };
        const learned = costOf(learnCost([measured(cost, work)], PRIOR), work);
        expect(learned / costOf(cost, work)).toBeGreaterThan(0.9);
        expect(learned / costOf(cost, work)).toBeLessThan(1.1);
      },
    ),
  ));

test('a large first copy tells of the rate for the small passes after it', () =>
  fc.assert(
    fc.property(
      truth,
      fc.integer({ min: 10_000, max: 100_000 }),
      fc.integer({ min: 100, max: 1000 }),
      (cost, first, later) => {
        const samples = [measured(cost, { bytes: first * MIB, entries: 1000 })];
        const next = { bytes: later * MIB, entries: 20 };
        const ratio = costOf(learnCost(samples, PRIOR), next) / costOf(cost, next);
        expect(Math.max(ratio, 1 / ratio)).toBeLessThan(1.5);
      },
    ),
  ));

test('many small files and a few large ones tell what a file costs beside what a byte does', () => {
  const cost: Cost = { baseMs: 150, msPerByte: 1000 / (50 * MIB), msPerEntry: 0.4 };
  const samples = [
    measured(cost, { bytes: 2000 * MIB, entries: 10 }),
    measured(cost, { bytes: 20 * MIB, entries: 50_000 }),
    measured(cost, { bytes: 400 * MIB, entries: 5_000 }),
  ];
  const learned = learnCost(samples, PRIOR);
  for (const work of [
    { bytes: 1000 * MIB, entries: 1 },
    { bytes: MIB, entries: 20_000 },
  ]) {
    const ratio = costOf(learned, work) / costOf(cost, work);
    expect(Math.max(ratio, 1 / ratio)).toBeLessThan(1.15);
  }
});

test('the last passes count most: a line that has become slower is forecast as slow', () => {
  const work = { bytes: 500 * MIB, entries: 10 };
  const [fast, slow] = [100, 10].map((mib): Cost => ({ ...PRIOR, msPerByte: 1000 / (mib * MIB) }));
  const samples = [fast!, fast!, fast!, slow!, slow!, slow!].map((cost) => measured(cost, work));
  expect(costOf(learnCost(samples, PRIOR), work)).toBeGreaterThan(costOf(slow!, work) / 1.5);
});
