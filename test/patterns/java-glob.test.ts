import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { globSource } from '../../src/patterns/java-glob.js';
import { readVectors, refuse } from '../digest/vectors.js';

const compile = (glob: string): RegExp => new RegExp(globSource(glob, refuse), 'u');

describe('a glob has the meaning that it has in Java', () => {
  const { paths, verdicts } = readVectors('java-globs.jsonl');

  test.each(verdicts.filter((v) => v.matched !== null && v.pattern !== ''))('$pattern', ({ pattern, matched }) => {
    const regex = compile(pattern);
    expect(paths.filter((path) => regex.test(path))).toEqual(matched);
  });

  test.each(verdicts.filter((v) => v.matched === null))('$pattern is refused', ({ pattern }) => {
    expect(() => compile(pattern)).toThrow(SyntaxError);
  });
});

test.each([
  ['', 'nothing follows the colon at 0'],
  ['/a\\', 'nothing follows the backslash at 2'],
  ['/{a,{b}}', 'groups cannot be nested at 4'],
  ['/{a', "missing '}' at 1"],
  ['/x[a-', "missing ']' at 2"],
  ['/[a/b]', "a class cannot hold '/' at 3"],
  ['/[]', 'a class cannot be empty at 1'],
  ['/[--a]', 'a range lacks its beginning at 3'],
  ['/[c-a]', 'a range runs backwards at 2'],
  ['/[A-[]', "a range cannot end in '[' at 4"],
  ['/a\0', 'a path cannot hold NUL at 2'],
])('%j is refused with its index', (glob, message) => {
  expect(() => compile(glob)).toThrow(message);
});

describe('for any path', () => {
  const name = fc.string({ unit: 'binary', minLength: 1, maxLength: 8 }).map((text) => text.replace(/[/\0]/g, '_'));
  const path = fc.array(name, { minLength: 1, maxLength: 4 }).map((names) => `/${names.join('/')}`);

  test('its text with every character escaped matches it and nothing longer', () => {
    fc.assert(
      fc.property(path, (text) => {
        const regex = compile(text.replace(/[^/\w]/gu, '\\$&'));
        expect(regex.test(text)).toBe(true);
        expect(regex.test(`${text}a`)).toBe(false);
      }),
      { seed: 1 },
    );
  });

  test('a star takes one component, whatever is in it', () => {
    fc.assert(
      fc.property(path, (text) => {
        const components = text.split('/').length - 1;
        expect(compile('/*'.repeat(components)).test(text)).toBe(true);
        expect(compile('/*'.repeat(components + 1)).test(text)).toBe(false);
      }),
      { seed: 2 },
    );
  });
});
