import { describe, expect, test } from '@jest/globals';
import { lengthWithin } from '../../src/patterns/bounded-match.js';
import { checkPatterns, compileFilter } from '../../src/patterns/filter.js';
import { shellGlob } from '../../src/patterns/shell-glob.js';

const ROOTS = [
  { key: 'data/0', path: '/srv/a' },
  { key: 'hints/0', path: '/srv/a' },
];

const filterOf = (...exclude: string[]) =>
  compileFilter({ exclusions: { filesToExclude: [], dirsToExclude: [], exclude }, roots: ROOTS });

describe('a glob', () => {
  test.each<[glob: string, matches: string[], not: string[]]>([
    ['*.tmp', ['data/0/a.tmp', 'data/0/x/.tmp', 'hints/0/.b.tmp', 'data/0/é\n.tmp'], ['data/0/a.tmp/x', 'data/0/atmp']],
    ['**/*.tmp', ['data/0/a.tmp', 'data/0/x/.y/z.tmp'], ['data/0/a.tm']],
    ['data/0/ks/*/x', ['data/0/ks/t/x'], ['data/0/ks/x', 'data/0/ks/t/u/x', 'hints/0/ks/t/x']],
    ['data/0/ks/**', ['data/0/ks/t', 'data/0/ks/t/x'], ['data/0/ks2/t']],
    ['data/0/a\nb', ['data/0/a\nb'], ['data/0/a']],
    ['data/*/x', ['data/0/x'], ['data/0/y/x']],
    ['[ab]?', ['data/0/ax', 'data/0/b😀'], ['data/0/cx', 'data/0/a']],
    ['[!a]', ['data/0/b'], ['data/0/a']],
    ['[[:digit:]]x', ['data/0/7x'], ['data/0/ax']],
    ['{a,b}.{db,log}', ['data/0/a.db', 'data/0/b.log'], ['data/0/a.txt']],
    ['x{1..3}', ['data/0/x2'], ['data/0/x4']],
    ['!(a|b)', ['data/0/c'], ['data/0/a']],
    ['@(a|b)c', ['data/0/ac'], ['data/0/c']],
    ['\\!a', ['data/0/!a'], ['data/0/a']],
    ['\\*', ['data/0/*'], ['data/0/a']],
    ['\\d\\é', ['data/0/dé'], ['data/0/7é']],
    ['a b-c+d=e,f#g~h&i@j%k$^', ['data/0/a b-c+d=e,f#g~h&i@j%k$^'], ['data/0/a b']],
    ['\\(', ['data/0/('], []],
  ])('%j', (glob, matches, not) => {
    const filter = filterOf(glob);
    for (const kind of ['file', 'directory'] as const) {
      expect(matches.filter((key) => !filter(key, kind))).toEqual([]);
      expect(not.filter((key) => filter(key, kind))).toEqual([]);
    }
  });

  test('that ends in a slash matches directories only', () => {
    const filter = filterOf('tmp/');
    expect([filter('data/0/tmp', 'directory'), filter('data/0/tmp', 'file')]).toEqual([true, false]);
  });

  test.each(['*', '?', '**', 'data/*', '0'])('%s never matches a root itself', (glob) => {
    expect(filterOf(glob)('data/0', 'directory')).toBe(false);
  });

  test.each(['', '/', '/data/0/x', '!x', './x', 'a/../b', 'a//b', '..', 'x(', '[a', '{a', 'a\\', 'a\0'])(
    '%j is refused, with the setting and the reason',
    (glob) => {
      expect(() => checkPatterns({ filesToExclude: [], dirsToExclude: [], exclude: ['ok', glob] })).toThrow(
        /^exclude: .*: ./,
      );
    },
  );

  // A slow one would go through matchWithin, which costs 60 µs per key: a minute for a million entries.
  test.each(['*.tmp', '**/*.tmp', 'data/0/**', 'data/**/x/*'])(
    '%s is matched at once with keys of any usual length',
    (glob) => {
      const { source } = shellGlob(glob, (reason) => {
        throw new Error(reason);
      });
      expect(lengthWithin(source, 1e6)).toBeGreaterThan(30);
    },
  );
});
