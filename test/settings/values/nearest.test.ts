import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { distance, nearest } from '../../../src/settings/values/nearest.js';

test.each([
  ['treshold', 'threshold'],
  ['thershold', 'threshold'],
  ['max_deletes', 'max_delete'],
  ['LICENSE_FILE', undefined],
  ['hots', 'host'],
  ['home', undefined],
])('%s → %s', (word, meant) => expect(nearest(word, ['threshold', 'max_delete', 'token_file', 'host'])).toBe(meant));

test('distance: zero only for equal words, symmetric, at most the length of the longer word', () => {
  const word = fc.string({ maxLength: 8, unit: fc.constantFrom('a', 'b', 'c') });
  fc.assert(
    fc.property(word, word, (a, b) => {
      expect(distance(a, b)).toBe(distance(b, a));
      expect(distance(a, b) === 0).toBe(a === b);
      expect(distance(a, b)).toBeLessThanOrEqual(Math.max(a.length, b.length));
    }),
  );
});
