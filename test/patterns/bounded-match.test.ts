import { describe, expect, test } from '@jest/globals';
import { lengthWithin, matchWithin } from '../../src/patterns/bounded-match.js';
import { cpuMs } from '../support/cpu-time.js';

const safeLengthOf = (source: string): number => lengthWithin(source, 1e9);

describe('the length of texts that are matched within a second', () => {
  test.each([
    ['', Infinity],
    ['abc', Infinity],
    ['a?(?:b|c)?d{3}', Infinity],
    ['\\*\\+[*+{1,}]\\u{10}\\)*', 1e9],
    ['.*', 1e9],
    ['[^\\]]+\\/a{2,5}', 1e9 ** (1 / 2)],
    ['.*\\/.*\\/.*\\/a{2,}', 1e9 ** (1 / 4)],
    ['[^]*(?:a|b)', 1e9],
    ['(?:a+)+', 0],
    ['(?:a|ab)*', 0],
    ['(a*){30}', 0],
  ])('%s', (source, length) => expect(safeLengthOf(source)).toBe(length));

  test('is one of a few seconds at the most', () => {
    const source = '^(?:.*a.*a.*a.*b)$';
    const match = () => expect(new RegExp(source, 'u').test('a'.repeat(safeLengthOf(source)))).toBe(false);
    expect(cpuMs(match)).toBeLessThan(30_000);
  });
});

test('a match returns its result, or undefined when it takes too long', () => {
  expect(matchWithin(/^(?:a+)+$/u, 'aaa')).toBe(true);
  expect(matchWithin(/^(?:a+)+$/u, 'aab')).toBe(false);
  expect(matchWithin(/^(?:a+)+$/u, `${'a'.repeat(60)}b`)).toBe(undefined);
  expect(matchWithin(/^(?:a+)+$/u, 'aaa')).toBe(true);
});
