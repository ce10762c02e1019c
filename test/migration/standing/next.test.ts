import { execFileSync } from 'node:child_process';
import { expect, test } from '@jest/globals';
import { nextOf, type Place, shellWord } from '../../../src/migration/standing/next.js';
import type { Option, RunSummary } from '../../../src/migration/standing/run-history.js';
import type { MigrationStatus } from '../../../src/migration/status.js';

const nothing: MigrationStatus = {
  ...{ instance: 'a', role: 'destination', dir: '/a', roots: [], holder: null, progress: null, source: null },
  completion: { state: 'NOT_COMPLETED', endTime: null },
  ...{ lastCopy: null, lastVerify: null, copyBeganMs: null, copyExitCode: null },
  ...{ verified: false, finalPass: false, history: [], unfinishedFiles: 0, damagedLines: 0 },
};
const here: Place = { isMapped: false, isSourceKnown: true, words: [] };

const option = (name: string, ...words: string[]): Option => ({ name, words: [`--${name}`, ...words] });
const ended = (exitCode: number, command: RunSummary['command'], ...options: Option[]): Partial<MigrationStatus> => ({
  lastRun: { ...{ run: 'r', command, beganMs: 0, elapsedMs: 1, passes: [], stopped: true }, exitCode, options },
});

test.each<[string, Partial<MigrationStatus>, Partial<Place>, string]>([
  [
    'repeats what made the copy what it was',
    ended(5, 'copy', option('threshold', '0.95'), option('only', 'data/0/a b')),
    {},
    "lm copy --threshold 0.95 --only 'data/0/a b'",
  ],
  [
    'never repeats a consent',
    ended(6, 'copy', option('adopt'), option('allow-running'), option('max-delete', '100%')),
    {},
    'lm copy',
  ],
  [
    'nor what the first copy remembers',
    ended(5, 'copy', { name: 'url', words: ['http://s:9043'] }, option('token-file', '/t')),
    {},
    'lm copy',
  ],
  [
    'but all of it when nothing was remembered',
    ended(
      6,
      'copy',
      option('adopt'),
      option('root', 'data=/srv'),
      { name: 'url', words: ['http://s:9043'] },
      option('token-file', '/t'),
    ),
    { isSourceKnown: false },
    'lm copy http://s:9043 --root data=/srv --token-file /t',
  ],
  [
    'not for another command',
    { ...ended(0, 'copy', option('threshold', '1.0')), finalPass: true, lastRun: undefined as never },
    {},
    'lm verify',
  ],
  [
    'names the migration where there are several',
    {},
    { words: ['--instance', 'a', '--state-dir', '/my state'] },
    "lm copy --instance a --state-dir '/my state'",
  ],
  [
    'serves the same directories',
    { role: 'source', roots: [{ key: 'data/0', path: '/srv' }] },
    {},
    'lm serve --root data=/srv',
  ],
])('%s', (_, status, place, command) => {
  expect(nextOf({ ...nothing, ...status }, { ...here, ...place })).toMatchObject({ command });
});

test('of records that lm does not obey there is none', () => {
  expect(nextOf({ ...nothing, stranger: 'somebody' }, here)).toBeUndefined();
});

test('a word means to a shell what it is', () => {
  for (const word of ['a', "it's", '$(x) `y` "z"', 'a b', '*', '', '~', 'ü\n'])
    expect(execFileSync('sh', ['-c', `printf %s ${shellWord(word)}`], { encoding: 'utf8' })).toBe(word);
});
