import { describe, expect, test } from '@jest/globals';
import { regexSource } from '../../src/patterns/java-regex.js';
import { readVectors, refuse } from '../digest/vectors.js';

const compile = (text: string): RegExp => new RegExp(regexSource(text, refuse), 'u');

describe('a regular expression has the meaning that it has in Java', () => {
  const { paths, verdicts } = readVectors('java-regexes.jsonl');

  test.each(verdicts.filter((v) => v.matched !== null))('$pattern', ({ pattern, matched }) => {
    const regex = compile(pattern);
    expect(paths.filter((path) => regex.test(path))).toEqual(matched);
  });

  test.each(verdicts.filter((v) => v.matched === null))('$pattern is refused', ({ pattern }) => {
    expect(() => compile(pattern)).toThrow(SyntaxError);
  });
});

describe('what JavaScript lacks or reads differently is refused', () => {
  test.each([
    ['/a*+', 'possessive quantifiers are not supported at 3'],
    ['/(?>a)', 'of the (?…) forms'],
    ['/(?<=a)b', 'of the (?…) forms'],
    ['/a(?i)b', 'of the (?…) forms'],
    ['(?x)/a', 'of the (?…) forms'],
    ['(?u)/a', 'of the (?…) forms'],
    ['/(a)\\1', '\\1 is not supported at 4'],
    ['\\A/a\\z', '\\A is not supported at 0'],
    ['/\\h', '\\h is not supported'],
    ['/\\v', '\\v is not supported'],
    ['/\\b', '\\b is not supported'],
    ['/\\R', '\\R is not supported'],
    ['/\\p{Alpha}', '\\p is not supported at 1'],
    ['/[\\p{Alpha}]', '\\p is not supported at 2'],
    ['/\\07', '\\0 is not supported'],
    ['/\\cA', '\\c is not supported'],
    ['/[a-z&&[^b]]', "'&&' within a class is not supported at 5"],
    ['/[a[b]]', 'unions are not supported at 3'],
    ['/[]a]', "a class cannot begin with ']'"],
    ['/[\\Qa\\E]', '\\Q within a class is not supported at 2'],
    ['/[a-\\d]', 'a range cannot end in a class'],
    ['/\\ud83d\\ude00', 'unusable \\u escape at 1'],
    ['/^*a', 'nothing to repeat'],
  ])('%s', (text, message) => {
    expect(() => compile(text)).toThrow(message);
  });
});

test('ignoring case folds ASCII only, as in Java', () => {
  expect(compile('(?i)/[k]s').test('/Ks')).toBe(true);
  expect(compile('(?i)/[k]s').test('/\u212as')).toBe(false); // the Kelvin sign, which JavaScript folds to k
  expect(compile('(?i)/[k]s').test('/k\u017f')).toBe(false);
});
