import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { Meter, type Progress } from '../../src/render/meter.js';

const MIB = 1024 ** 2;

const progress = (fields: Partial<Progress> = {}): Progress => ({
  type: 'progress',
  iteration: 0,
  doing: 'download',
  bytesDone: 0,
  bytesTotal: 100 * MIB,
  filesDone: 0,
  filesTotal: 10,
  ...fields,
});

/** A meter fed with `bytesDone` in MiB, one sample a second. */
function fed(mib: number[], fields: Partial<Progress> = {}): Meter {
  const meter = new Meter();
  for (const [second, done] of mib.entries()) meter.add(progress({ bytesDone: done * MIB, ...fields }), second * 1_000);
  return meter;
}

test('before the first event there is nothing to read', () => expect(new Meter().read(0)).toBeUndefined());

describe('rate and ETA', () => {
  test('remaining bytes over the rate', () => {
    const reading = fed([0, 10, 20]).read(2_000)!;
    expect(reading.bytesPerSecond).toBe(10 * MIB);
    expect(reading.etaMs).toBe(8_000);
  });

  test('one sample gives neither', () =>
    expect(fed([10]).read(100)).toMatchObject({ bytesPerSecond: undefined, etaMs: undefined }));

  test('bytes of an earlier run count as done, but not in the rate', () => {
    const meter = new Meter();
    meter.add(progress({ bytesDone: 0 }), 0);
    meter.add(progress({ bytesDone: 60 * MIB, bytesReused: 50 * MIB }), 1_000);
    expect(meter.read(1_000)).toMatchObject({ percent: 60, bytesPerSecond: 10 * MIB, etaMs: 4_000 });
  });

  test('the window follows a change of rate', () => {
    const fastThenSlow = [...Array(20).keys()].map((s) => Math.min(s, 4) * 10 + Math.max(0, s - 4));
    expect(fed(fastThenSlow).read(19_000)!.bytesPerSecond).toBe(MIB);
  });

  test('a stall reads as a rate that falls to 0 and no ETA', () => {
    const meter = fed([0, 10, 20]);
    expect(meter.read(4_000)!.bytesPerSecond).toBe(5 * MIB);
    expect(meter.read(30_000)).toMatchObject({ bytesPerSecond: 0, etaMs: undefined });
  });

  test('the next pass starts again at 0', () => {
    const meter = fed([0, 50, 99]);
    meter.add(progress({ iteration: 1, bytesDone: 1 * MIB }), 3_000);
    expect(meter.read(3_000)).toMatchObject({ percent: 1, bytesPerSecond: undefined });
  });
});

describe('percentage', () => {
  test('without bytes it is the share of the files', () =>
    expect(fed([0], { bytesTotal: 0, filesDone: 5 }).read(0)!.percent).toBe(50));

  test('law: it never reads 100, never falls, and the ETA never reads less than a second', () => {
    const steps = fc.array(fc.record({ done: fc.nat(1_000), at: fc.nat(5_000) }), { minLength: 1 });
    fc.assert(
      fc.property(steps, (list) => {
        const meter = new Meter();
        let at = 0;
        let before = 0;
        for (const step of list) {
          at += step.at;
          meter.add(progress({ bytesDone: step.done, bytesTotal: 1_000, filesDone: 10 }), at);
          const { percent, etaMs } = meter.read(at)!;
          expect(percent).toBeGreaterThanOrEqual(before);
          expect(percent).toBeLessThanOrEqual(99);
          expect(etaMs ?? 1_000).toBeGreaterThanOrEqual(1_000);
          before = percent;
        }
      }),
    );
  });
});
