// Which part of a pass takes how long, and what arrives meanwhile.

import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { Event } from '../../../src/events.js';
import { PassClock } from '../../../src/state/evidence/pass-clock.js';

type Phase = Extract<Event, { type: 'phase' }>['state'];
const phase = (state: Phase): Event => ({ type: 'phase', iteration: 0, state });

test('a part lasts until the next begins, and may come again in the same pass', () => {
  const clock = new PassClock();
  clock.listen({ type: 'settings', text: 's' }, 1_000);
  const phases: [Phase, number][] = [
    ['WAITING', 1_007],
    ['LISTING', 1_010],
    ['COMPARING', 1_110],
    ['WAITING', 1_115],
    ['LISTING', 1_120],
    ['COMPARING', 1_180],
    ['CLEANING', 1_190],
    ['PREPARING', 1_192],
    ['SYNCING', 1_200],
  ];
  for (const [state, atMs] of phases) clock.listen(phase(state), atMs);
  expect(clock.endPass(1_300)).toEqual({
    beganMs: 1_000,
    times: { guardMs: 7, waitMs: 8, listMs: 160, compareMs: 15, cleanMs: 2, proveMs: 8, syncMs: 100 },
  });
  clock.listen(phase('LISTING'), 1_301);
  clock.listen(phase('DOWNLOADING'), 1_400);
  expect(clock.endPass(1_450)).toEqual({ beganMs: 1_300, times: { guardMs: 1, listMs: 99, fetchMs: 50 } });
});

const STATES: readonly Phase[] = [
  ...(['STARTING', 'WAITING', 'LISTING', 'COMPARING', 'CLEANING', 'PREPARING', 'DOWNLOADING'] as const),
  ...(['SYNCING', 'VERIFYING', 'DOWNLOAD_COMPLETE', 'SUCCESS', 'FAILED', 'CANCELLED'] as const),
];

test('whatever phases a pass goes through, its parts add up to it', () => {
  const steps = fc.array(fc.tuple(fc.constantFrom(...STATES), fc.nat(5_000)), { maxLength: 30 });
  fc.assert(
    fc.property(steps, fc.nat(5_000), (phases, lastMs) => {
      const clock = new PassClock();
      clock.listen({ type: 'settings', text: 's' }, 0);
      let nowMs = 0;
      for (const [state, ms] of phases) {
        nowMs += ms;
        clock.listen(phase(state), nowMs);
      }
      const { times } = clock.endPass(nowMs + lastMs);
      expect(Object.values(times).reduce((sum, ms) => sum + ms, 0)).toBe(nowMs + lastMs);
    }),
  );
});

test('a verification lasts from its beginning, also where it repairs in the end', () => {
  const clock = new PassClock();
  const some = { doing: 'verify', iteration: 0, bytesTotal: 10, filesDone: 0, filesTotal: 1 } as const;
  clock.listen({ type: 'settings', text: 's' }, 1_000);
  clock.listen(phase('VERIFYING'), 1_100);
  clock.listen({ type: 'progress', bytesDone: 7, ...some }, 1_150);
  clock.listen(phase('REPAIRING'), 1_200);
  expect(clock.endVerification()).toEqual({ beganMs: 1_100, bytesCompared: 7, series: [[50, 7]] });
});

test('bytes that a copy compares are no bytes that it receives', () => {
  const clock = new PassClock();
  const none = { bytesReused: 0, filesDone: 0, filesTotal: 1, iteration: 0, bytesTotal: 10 } as const;
  clock.listen(phase('LISTING'), 1_000);
  clock.listen({ type: 'progress', doing: 'compare', bytesDone: 7, ...none }, 1_500);
  clock.listen(phase('DOWNLOADING'), 2_000);
  clock.listen({ type: 'progress', doing: 'download', bytesDone: 3, ...none }, 2_500);
  expect(clock.endPass(3_000).series).toEqual([[1_500, 3]]);
});
