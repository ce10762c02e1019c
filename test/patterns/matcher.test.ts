import { expect, test } from '@jest/globals';
import { matcherOf } from '../../src/patterns/matcher.js';
import { type PatternSide, readPatterns, regexOf } from '../../src/patterns/pattern.js';

function matcher(text: string, spent = { slowMs: 0 }, side: PatternSide = 'local') {
  const [pattern] = readPatterns({ filesToExclude: [text], dirsToExclude: [] }, side).files;
  return matcherOf(regexOf(pattern!, '/srv'), pattern!, spent);
}

/** Four repetitions in four hundred characters: long enough to be timed, and finished within about a second. */
const SLOW = 'regex:.*a.*a.*a.*b';
const path = 'a'.repeat(120);

test('slow matches are added up, and fail when they have taken a minute', () => {
  const spent = { slowMs: 0 };
  expect(matcher(SLOW, spent)(path)).toBe(false);
  expect(spent.slowMs).toBeGreaterThan(0);
  const late = { slowMs: 59_999 };
  expect(() => matcher(SLOW, late)(path)).toThrow(
    expect.objectContaining({ code: 'usage', message: `files_to_exclude: ${SLOW}: slow patterns have taken 60 s` }),
  );
  expect(() => matcher(SLOW, { slowMs: 59_999 }, 'source')(path)).toThrow(
    expect.objectContaining({
      ...{ code: 'protocol', kind: 'source-pattern' },
      message: expect.stringMatching(/^the source's files_to_exclude: /),
    }),
  );
});

test('matches that are quick are not timed at all', () => {
  const spent = { slowMs: Number.POSITIVE_INFINITY };
  expect(matcher('glob:/srv/*/snapshots', spent)('/srv/t/snapshots')).toBe(true);
});

test('an expression that fails when it is first used is refused with its pattern', () => {
  const [pattern] = readPatterns({ filesToExclude: ['glob:/a'], dirsToExclude: [] }).files;
  const broken = Object.assign(/a/u, {
    test() {
      throw new SyntaxError('regular expression too large');
    },
  });
  expect(() => matcherOf(broken, pattern!, { slowMs: 0 })('a')).toThrow(
    expect.objectContaining({
      code: 'usage',
      message: 'files_to_exclude: glob:/a: cannot be matched: regular expression too large',
    }),
  );
});
