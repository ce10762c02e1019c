// The Sidecar's threshold, which is to be passed, as one that is to be met.

import { expect, test } from '@jest/globals';
import { aboveThreshold } from '../../src/tasks/prepare.js';

/** V28: total 1000, and what is missing of it. */
test.each([
  [0.8, 200, false],
  [0.8, 199, true],
  [0, 1000, false],
  [0, 999, true],
  [0.5, 500, false],
  [0.5, 0, true],
  [1, 1, false],
  [1, 0, true],
])('a threshold of %d, and %d of 1000 bytes missing: %p', (threshold, missing, isMet) => {
  expect((1000 - missing) / 1000 >= aboveThreshold(threshold)).toBe(isMet);
});

test('only 1 asks for a final pass', () => {
  expect(aboveThreshold(1)).toBe(1);
  for (const threshold of [0, 0.5, 0.95, 1 - Number.EPSILON, 1 - Number.EPSILON / 2]) {
    expect(aboveThreshold(threshold)).toBeLessThan(1);
    expect(aboveThreshold(threshold)).toBeGreaterThanOrEqual(threshold);
  }
});
