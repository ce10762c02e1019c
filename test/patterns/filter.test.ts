import { describe, expect, test } from '@jest/globals';
import { LmError } from '../../src/errors.js';
import {
  checkPatterns,
  compileFilter,
  excludeNothing,
  type FilterSpec,
  isKeyExcluded,
} from '../../src/patterns/filter.js';

const ROOTS = [
  { key: 'commitlog/0', path: '/var/lib/cassandra/commitlog' },
  { key: 'data/0', path: '/disk0/data' },
  { key: 'data/1', path: '/disk1/data' },
  { key: 'data/10', path: '/disk10/data' },
];

const spec = (filesToExclude: string[], dirsToExclude: string[] = [], roots = ROOTS): FilterSpec => ({
  exclusions: { filesToExclude, dirsToExclude },
  roots,
});

describe('a pattern with a placeholder', () => {
  const keys = ['commitlog/0/x', 'data/0/x', 'data/1/x', 'data/10/x'];

  test.each([
    // biome-ignore-start lint/suspicious/noTemplateCurlyInString: the placeholders of the patterns
    ['glob:${DATA_FILE_DIR}/x', ['data/0/x', 'data/1/x', 'data/10/x']],
    ['glob:${DATA_FILE_DIR_0}/x', ['data/0/x']],
    ['glob:${DATA_FILE_DIR_1}/x', ['data/1/x']],
    ['glob:${DATA_FILE_DIR_2}/x', []],
    ['glob:${COMMITLOG_DIR}/x', ['commitlog/0/x']],
    ['glob:${HINTS_DIR}/x', []],
    ['glob:${SAVED_CACHES_DIR}/x', []],
    ['glob:${CDC_RAW_DIR}/x', []],
    ['glob:${LOCAL_SYSTEM_DATA_FILE_DIR}/x', []],
    ['regex:${DATA_FILE_DIR}/.', ['data/0/x', 'data/1/x', 'data/10/x']],
    ['regex:(${DATA_FILE_DIR_1}/y|${DATA_FILE_DIR_1}/x)', ['data/1/x']],
    ['regex:\\Q${DATA_FILE_DIR_1}/x\\E', ['data/1/x']],
    ['glob:{/nowhere,${DATA_FILE_DIR_1}/x}', ['data/1/x']],
    ['glob:${DATA_FILE_DIR}*', []],
    // biome-ignore-end lint/suspicious/noTemplateCurlyInString: the placeholders of the patterns
    ['glob:/disk1/data/x', ['data/1/x']],
    ['glob:/disk?/**', ['data/0/x', 'data/1/x']],
    ['glob:**/x', keys],
    ['GLOB:**/x', keys],
    ['glob:x', []],
    ['glob:data/0/x', []],
    ['regex:.*disk.*', ['data/0/x', 'data/1/x', 'data/10/x']],
    ['regex:disk', []],
  ])('%s', (pattern, excluded) => {
    const filter = compileFilter(spec([pattern]));
    expect(keys.filter((key) => filter(key, 'file'))).toEqual(excluded);
    expect(keys.filter((key) => filter(key, 'directory'))).toEqual([]);
    expect(keys.filter((key) => compileFilter(spec([], [pattern]))(key, 'directory'))).toEqual(excluded);
  });

  test.each(['/srv/[a]+{b,c}', '/srv/a*b?', '/srv/(x|y)$', '/srv/a\\Eb', '/srv/$&\n'])('takes %j literally', (path) => {
    const roots = [{ key: 'data/0', path }];
    for (const pattern of [`glob:\${DATA_FILE_DIR}/x`, `regex:.?\${DATA_FILE_DIR}/x`, `glob:{\${DATA_FILE_DIR}/x}`]) {
      const filter = compileFilter(spec([pattern], [], roots));
      expect([filter('data/0/x', 'file'), filter('data/0/y', 'file')]).toEqual([true, false]);
    }
  });
});

describe('the default exclusion', () => {
  const filter = compileFilter(spec([], [`glob:\${DATA_FILE_DIR}/*/*/snapshots`]));

  test.each([
    ['data/0/ks/t/snapshots', true],
    ['data/10/ks/.t/snapshots', true],
    ['data/0/ks/snapshots', false],
    ['data/0/ks/t/sub/snapshots', false],
    ['commitlog/0/ks/t/snapshots', false],
    ['hints/0/ks/t/snapshots', false],
  ])('%s: %s', (key, excluded) => {
    expect(filter(key, 'directory')).toBe(excluded);
    expect(filter(key, 'file')).toBe(false);
  });

  test('excludes what lies below it', () => {
    expect(isKeyExcluded(filter, 'data/0/ks/t/snapshots/s1/nb-1-big-Data.db')).toBe(true);
    expect(isKeyExcluded(filter, 'data/0/ks/t/snapshots')).toBe(false); // as a file, it is no directory
    expect(isKeyExcluded(filter, 'data/0/ks/t/nb-1-big-Data.db')).toBe(false);
  });
});

test('a whole root can be excluded', () => {
  const filter = compileFilter(spec([], [`glob:\${COMMITLOG_DIR}`]));
  expect(filter('commitlog/0', 'directory')).toBe(true);
  expect(isKeyExcluded(filter, 'commitlog/0/CommitLog-1.log')).toBe(true);
  expect(isKeyExcluded(filter, 'data/0/x')).toBe(false);
});

test("each side's patterns apply to its own directories, and either side may exclude", () => {
  const here = spec(['glob:/here/a'], [], [{ key: 'data/0', path: '/here' }]);
  const there = spec(['glob:/there/b', 'glob:/here/c'], [], [{ key: 'data/0', path: '/there' }]);
  const filter = compileFilter(here, there);
  expect(['a', 'b', 'c'].filter((name) => filter(`data/0/${name}`, 'file'))).toEqual(['a', 'b']);
});

test('entries of several roots may come in any order', () => {
  const filter = compileFilter(spec([`glob:\${DATA_FILE_DIR_0}/x`, `glob:\${DATA_FILE_DIR_1}/y`]));
  const keys = ['data/1/y', 'data/0/x', 'hints/0/x', 'data/1/x', 'data/0/y', 'data/10/y', 'data/1/y'];
  expect(keys.map((key) => filter(key, 'file'))).toEqual([true, true, false, false, false, false, true]);
});

test('without a pattern that applies, the filter is excludeNothing', () => {
  expect(compileFilter()).toBe(excludeNothing);
  expect(compileFilter(spec([]))).toBe(excludeNothing);
  expect(compileFilter(spec([`glob:\${HINTS_DIR}/x`]))).toBe(excludeNothing);
});

describe('an ambiguous pattern is refused', () => {
  test.each([
    ['/x', 'files_to_exclude: /x: a pattern begins with glob: or regex:'],
    ['globe:/x', 'files_to_exclude: globe:/x: a pattern begins with glob: or regex:'],
    ['glob:', 'files_to_exclude: glob:: nothing follows the colon'],
    ['glob:/[a', "files_to_exclude: glob:/[a: missing ']' at index 6"],
    [`glob:\${DATA_FILE_DIR}/[a`, `files_to_exclude: glob:\${DATA_FILE_DIR}/[a: missing ']' at index 22`],
    [`glob:\${DATA}/x`, `files_to_exclude: glob:\${DATA}/x: unknown placeholder \${DATA}`],
    [`glob:\${DATA_FILE_DIR_01}/x`, `unknown placeholder \${DATA_FILE_DIR_01}`],
    [`glob:\${constructor}/x`, `unknown placeholder \${constructor}`],
    [`glob:{\${HINTS_DIR},\${COMMITLOG_DIR}}/x`, 'one kind of placeholder only'],
    [`glob:/[a\${HINTS_DIR}]`, 'a placeholder cannot stand within a class at index 8'],
    [`regex:/[\${HINTS_DIR}]`, 'a placeholder cannot stand within a class at index 8'],
    ['regex:/a++', 'files_to_exclude: regex:/a++: possessive quantifiers are not supported at index 9'],
    ['glob:/a\nb[', 'files_to_exclude: glob:/a\\nb['],
  ])('%j', (pattern, message) => {
    for (const attempt of [
      () => compileFilter(spec([pattern])),
      () => checkPatterns({ filesToExclude: [pattern], dirsToExclude: [] }),
    ]) {
      expect(attempt).toThrow(LmError);
      expect(attempt).toThrow(expect.objectContaining({ code: 'usage', message: expect.stringContaining(message) }));
    }
    expect(() => checkPatterns({ filesToExclude: [], dirsToExclude: [pattern] })).toThrow(/^dirs_to_exclude: /);
  });
});

test('a pattern that takes too long in a path is named, with the path', () => {
  const filter = compileFilter(spec(['regex:.*/(a+)+b']));
  expect(filter('data/0/aaab', 'file')).toBe(true);
  expect(() => filter(`data/0/${'a'.repeat(60)}`, 'file')).toThrow(
    expect.objectContaining({
      code: 'usage',
      message: expect.stringMatching(/^files_to_exclude: regex:\.\*\/\(a\+\)\+b: .* \/disk0\/data\/a{60}$/),
    }),
  );
});

describe('the limits of patterns', () => {
  const many = (count: number): string[] => Array.from({ length: count }, (_, i) => `glob:/x/${i}`);
  const deep = (levels: number): string => `regex:${'('.repeat(levels)}a${')'.repeat(levels)}`;
  // biome-ignore lint/suspicious/noTemplateCurlyInString: the placeholder of the pattern
  const spread = `glob:{${'${DATA_FILE_DIR},'.repeat(200)}a}`;
  const long = '/data'.repeat(800);

  test.each<[string, string[], RegExp]>([
    ['more than a thousand', many(1_001), /^files_to_exclude: got 1001 patterns, takes 1000 at most$/],
    ['one longer than a path', [`glob:/${'x'.repeat(1 << 20)}`], /x…: got 1048582 characters, takes 4096 at most$/],
    [
      'many that are long',
      new Array(40).fill(`glob:/${'x'.repeat(4_000)}`),
      /^files_to_exclude: got 160240 characters/,
    ],
    ['a nest', [deep(3_000)], /got 6007 characters/],
    ['a directory in it two hundred times', [spread], /it has too many parts$/],
  ])('%s', (_, files, message) => {
    const compile = (side: 'local' | 'source') => () =>
      compileFilter({ ...spec(files, [], [{ key: 'data/0', path: long }]), side });
    const expected = { code: 'usage', message: expect.stringMatching(message) };
    expect(compile('local')).toThrow(expect.objectContaining(expected));
    expect(compile('source')).toThrow(
      expect.objectContaining({ code: 'protocol', message: expect.stringMatching(/^the source's files_to_exclude: /) }),
    );
    expect(errorOf(compile('source')).message.length).toBeLessThan(400);
  });

  test('are far above usual patterns', () => {
    const filter = compileFilter(spec(many(1_000), [deep(1_000)]));
    expect(filter('data/0/y', 'file')).toBe(false);
  });
});

function errorOf(act: () => unknown): Error {
  try {
    act();
  } catch (error) {
    return error as Error;
  }
  throw new Error('nothing was thrown');
}
