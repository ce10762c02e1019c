import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { compareKeys, isPartName, isWithin, parentOf, rootOf } from '../../src/files/entry.js';

/** The order that the wire promises, computed the slow way: component by component, by bytes. */
function compareByBytes(a: string, b: string): number {
  const left = a.split('/');
  const right = b.split('/');
  for (let i = 0; i < Math.min(left.length, right.length); i++) {
    const order = Buffer.compare(Buffer.from(left[i]!), Buffer.from(right[i]!));
    if (order !== 0) return order;
  }
  return left.length - right.length;
}

const name = fc
  .array(fc.constantFrom('a', 'b', '!', '-', '.', '\u0001', '0', 'é', '\ue000', '\uffee', '😀', '𐀀'), {
    minLength: 1,
    maxLength: 4,
  })
  .map((parts) => parts.join(''));
const key = fc.array(name, { minLength: 1, maxLength: 4 }).map((names) => names.join('/'));

describe('the order of keys', () => {
  test('is that of UTF-8 bytes, component by component', () => {
    fc.assert(
      fc.property(key, key, (a, b) => {
        expect(Math.sign(compareKeys(a, b))).toBe(Math.sign(compareByBytes(a, b)));
      }),
      { numRuns: 2000 },
    );
  });

  test.each([
    ['a', 'a/b', 'a directory before its contents'],
    ['a/z', 'a!', 'its contents before its next sibling'],
    ['\uffee', '😀', 'code points, not UTF-16 units'],
  ])('%j before %j: %s', (a, b) => {
    expect(compareKeys(a, b)).toBeLessThan(0);
    expect(compareKeys(b, a)).toBeGreaterThan(0);
  });
});

test.each([
  ['data/0/ks', 'data/0', true],
  ['data/0', 'data/0', true],
  ['data/01', 'data/0', false],
  ['data', 'data/0', false],
])('%j within %j: %s', (inner, outer, expected) => expect(isWithin(inner, outer)).toBe(expected));

test('a key knows its root and its parent', () => {
  expect(rootOf('data/0/ks/t')).toBe('data/0');
  expect(rootOf('data/0')).toBe('data/0');
  expect(parentOf('data/0/ks/t')).toBe('data/0/ks');
});

test.each([
  ['.lm-0123456789abcdef.lm-part', true],
  ['.lm-0123456789abcdef.lm-part2', false],
  ['.lm-0123456789ABCDEF.lm-part', false],
  ['x.lm-0123456789abcdef.lm-part', false],
])('part name %j: %s', (candidate, expected) => expect(isPartName(candidate)).toBe(expected));
