import { describe, expect, test } from '@jest/globals';
import type { LmError } from '../../src/errors.js';
import { allowRemovals, type DeleteLimit, refuseEmptiedRoots } from '../../src/pull/clean.js';
import { noCounts, type PlanCounts } from '../../src/pull/counts.js';
import type { Plan } from '../../src/pull/plan.js';

const planOf = (counts: Partial<PlanCounts>): Plan =>
  ({ counts: { ...noCounts(), ...counts }, firstRemovals: ['data/0/a\nb'] }) as unknown as Plan;

function objections(check: (object: (error: LmError) => void) => void): LmError[] {
  const raised: LmError[] = [];
  check((error) => raised.push(error));
  return raised;
}

const percent = (share: number): DeleteLimit => ({ kind: 'share', share: share / 100 });
const entries = (count: number): DeleteLimit => ({ kind: 'count', entries: count });

describe('what may be removed', () => {
  test.each([
    ['nothing at all', 0, 0, percent(0), true],
    ['as much as half, by entries', 50, 1, percent(50), true],
    ['a little more than half, by entries', 51, 1, percent(50), false],
    ['few entries that are most of the bytes', 1, 900, percent(50), false],
    ['everything, when that is allowed', 100, 1000, percent(100), true],
    ['as many as counted', 7, 1000, entries(7), true],
    ['one more than counted', 8, 0, entries(7), false],
    ['anything, when nothing may go', 1, 0, percent(0), false],
  ])('%s', (_, removed, bytes, limit, allowed) => {
    const plan = planOf({
      total: { entries: 1, bytes: 1 },
      local: { entries: 100, bytes: 1000 },
      remove: { entries: removed, bytes },
    });
    expect(objections((object) => allowRemovals(plan, limit, object))).toHaveLength(allowed ? 0 : 1);
  });

  test('a refusal says what would go, in names that cannot forge a line, and the flag that allows exactly that', () => {
    const counts = {
      total: { entries: 1, bytes: 1 },
      local: { entries: 100, bytes: 10 },
      remove: { entries: 61, bytes: 0 },
    };
    const [error] = objections((object) => allowRemovals(planOf(counts), percent(50), object));
    expect(error).toMatchObject({ code: 'refused', hint: expect.stringContaining('--max-delete 61%') });
    expect(error!.details.join('\n')).toMatch(/61 of 100 entries.*\n {2}data\/0\/a\\nb/);
  });

  test('a refusal repeats a limit as it was given', () => {
    const counts = {
      total: { entries: 1, bytes: 1 },
      local: { entries: 9, bytes: 9 },
      remove: { entries: 8, bytes: 8 },
    };
    for (const given of [0, 7, 12.5, 14, 29, 55]) {
      const [error] = objections((object) => allowRemovals(planOf(counts), percent(given), object));
      expect(error!.message).toContain(`--max-delete ${given}% `);
    }
  });

  test('a source that lists nothing empties no destination, whatever is allowed', () => {
    const counts = { local: { entries: 1, bytes: 1 }, remove: { entries: 1, bytes: 1 } };
    const [error] = objections((object) => allowRemovals(planOf(counts), percent(100), object));
    expect(error).toMatchObject({ code: 'refused', message: expect.stringContaining('lists nothing') });
  });
});

test.each([
  ['both hold something', { source: 1, local: 1 }, 0],
  ['it was empty here too', { source: 0, local: 0 }, 0],
  ['it is new', { source: 1, local: 0 }, 0],
  ['it lost everything at once', { source: 0, local: 3 }, 1],
])('a root of a Sidecar: %s', (_, root, raised) => {
  const plan = planOf({ roots: new Map([['hints/0', root]]) });
  const found = objections((object) => refuseEmptiedRoots(plan, object));
  expect(found).toHaveLength(raised);
  if (raised) expect(found[0]!.message).toContain('hints/0');
});
