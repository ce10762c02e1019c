import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { compileFilter, isKeyExcluded } from '../../src/patterns/filter.js';
import { cpuMs } from '../support/cpu-time.js';
import { codeOf, fuzz, fuzzTimeoutMs } from '../support/fuzz.js';

/** As in settings; written so because a template it is not. */
const placeholder = (name: string): string => `\${${name}}`;

const globPiece = fc.constantFrom(
  ...['*', '**', '?', '[', ']', '[!', '-', '{', '}', ',', '\\', '/', '.', '!', '(', ')', '|', '+', '@', '^', '$', '"'],
  ...[
    'a',
    'Z',
    '0',
    'é',
    '\u{10000}',
    '\ud800',
    '\0',
    '\n',
    '{1..3}',
    '[[:alpha:]]',
    placeholder('DATA_FILE_DIR'),
    '\ufdd0',
  ],
);
const regexPiece = fc.constantFrom(
  ...[
    'a',
    '.',
    '*',
    '+',
    '?',
    '|',
    '^',
    '$',
    '(',
    ')',
    '(?:',
    '(?=',
    '(?!',
    '(?<n>',
    '(?i)',
    '[',
    ']',
    '[^',
    '-',
    '&&',
  ],
  ...['\\d', '\\Q', '\\E', '\\u', '\\x{', '}', '{2}', '{2,3}', '{999999999}', '{', '\\', '\\1', '\\p', '\u{10000}'],
  ...['\ud800', '\n', '/', placeholder('DATA_FILE_DIR_0'), placeholder('X'), '\ufdd0'],
);

/** Short pieces, so that patterns have few stars: the time of a match depends on the pattern, here as in Java. */
const pattern = fc.oneof(
  fc.array(globPiece, { maxLength: 8 }).map((pieces) => `glob:${pieces.join('')}`),
  fc.array(regexPiece, { maxLength: 8 }).map((pieces) => `regex:${pieces.join('')}`),
  fc.string({ unit: 'binary', maxLength: 12 }),
  fc.string({ unit: 'binary', maxLength: 12 }).map((text) => `glob:${text}`),
  fc.string({ unit: 'binary', maxLength: 12 }).map((text) => `regex:${text}`),
);
const name = fc.oneof(
  fc.constantFrom('a', 'Z0', 'é', '.', '\n', 'snapshots'),
  fc.string({ unit: 'binary', maxLength: 5 }),
);
const key = fc.array(name, { maxLength: 4 }).map((names) => ['data/0', ...names].join('/'));

test(
  'a pattern is refused, or tests every key with yes or no',
  () => {
    fc.assert(
      fc.property(
        pattern,
        pattern,
        fc.array(key, { maxLength: 4 }),
        fc.constantFrom('/srv', '/a[b+(', '/'),
        (file, dir, keys, path) => {
          const exclusions = { filesToExclude: [file], dirsToExclude: [dir] };
          try {
            const filter = compileFilter({ exclusions, roots: [{ key: 'data/0', path }] });
            for (const one of keys) expect(typeof isKeyExcluded(filter, one)).toBe('boolean');
          } catch (error) {
            expect(codeOf(error)).toBe('usage');
          }
        },
      ),
      fuzz(4_000),
    );
  },
  fuzzTimeoutMs,
);

test.each([
  ['groups in groups', `regex:${'('.repeat(20_000)}a${')'.repeat(20_000)}`],
  ['counts of counts', 'regex:(((((a{999}){999}){999}){999}){999}){999}'],
  ['a class of many', `glob:[${'a-z'.repeat(50_000)}]`],
  ['a long name', `glob:${'a'.repeat(200_000)}`],
  ['many choices', `glob:{${'a,'.repeat(50_000)}b}`],
  ['many quotes', `regex:${'\\Qa\\E'.repeat(20_000)}`],
])('a huge pattern is refused or works, quickly: %s', (_, text) => {
  const exclusions = { filesToExclude: [text], dirsToExclude: [] };
  const use = () => {
    try {
      const filter = compileFilter({ exclusions, roots: [{ key: 'data/0', path: '/srv' }] });
      expect(isKeyExcluded(filter, 'data/0/nope')).toBe(false);
    } catch (error) {
      expect(codeOf(error)).toBe('usage');
    }
  };
  expect(cpuMs(use)).toBeLessThan(3_000);
});
