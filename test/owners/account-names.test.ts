import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from '@jest/globals';
import { createAccountNames } from '../../src/owners/account-names.js';
import { isAccountName } from '../../src/owners/owner-names.js';

const dir = mkdtempSync(join(tmpdir(), 'lm-getent-'));
afterAll(() => rmSync(dir, { recursive: true }));

/** A getent of our own, which runs `script` with the database and the keys. */
function getent(script: string, name = `getent-${Math.random()}`): string {
  const path = join(dir, name);
  writeFileSync(path, `#!/bin/sh\n${script}\n`);
  chmodSync(path, 0o755);
  return path;
}

/** Knows these lines by the rules of getent(1): digits are a number, the rest a name; 2 when some are not known. */
const knowing = (lines: string[]): string =>
  getent(`shift; code=0
for key; do
  case $key in *[!0-9]*) line=$(printf '%s\n' '${lines.join("' '")}' | grep "^$key:");;
  *) line=$(printf '%s\n' '${lines.join("' '")}' | awk -F: -v id="$key" '$3 == id' | head -n 1);; esac
  if [ -n "$line" ]; then printf '%s\n' "$line"; else code=2; fi
done
exit $code`);

const PASSWD = [
  'cassandra:x:998:998::/:',
  '1000:x:77:77::/:',
  'real:x:1000:1000::/:',
  'müller:x:5:5::/:',
  'big:x:4294967295:1::/:',
];

test('numbers have the names that their own lines tell, and what is not known has none', async () => {
  const { namesOf } = createAccountNames({ command: knowing(PASSWD) });
  const { names, problem } = await namesOf('passwd', [998, 5, 1234, 1000, 4294967295]);
  expect([...names]).toEqual([
    [998, 'cassandra'],
    [5, 'müller'],
    [1000, 'real'],
  ]);
  expect(problem).toBeUndefined();
});

test('a getent that takes digits for a name first gives no wrong name for a number', async () => {
  const command = getent('echo 1000:x:77:77::/:');
  expect((await createAccountNames({ command }).namesOf('passwd', [1000])).names.size).toBe(0);
});

test('names have the numbers of their own lines; a name that is a number is never taken for the number', async () => {
  const { idsOf } = createAccountNames({ command: knowing(PASSWD) });
  const { ids } = await idsOf('passwd', ['cassandra', 'nobody-at-all', '1000', 'müller', '-x']);
  expect([...ids]).toEqual([
    ['cassandra', 998],
    ['müller', 5],
  ]);
});

test('without getent the files of /etc are read, and that is no problem', async () => {
  const { namesOf, idsOf } = createAccountNames({ command: join(dir, 'none') });
  const { names, problem } = await namesOf('passwd', [0]);
  expect([names.get(0), problem]).toEqual(['root', undefined]);
  expect(await idsOf('group', ['root'])).toEqual({ ids: new Map([['root', 0]]) });
});

test.each([
  ['knows no such database', "echo 'Unknown database: passwd' >&2; exit 1", 'exit 1'],
  ['cannot enumerate', 'echo mail:x:0:0::/:; exit 3', 'exit 3'],
  ['has no program to run', 'exit 127', 'exit 127'],
])('one that %s is reported as a problem, beside what the files say', async (_, script, failed) => {
  const command = getent(script);
  const { namesOf, idsOf } = createAccountNames({ command });
  const { names, problem } = await namesOf('passwd', [0]);
  expect([names.get(0), problem]).toEqual(['root', `${command} passwd failed: ${failed}`]);
  expect(await idsOf('passwd', ['root'])).toEqual({ ids: new Map([['root', 0]]), problem });
});

test('one that never answers is killed, not asked again, and reported as a problem beside what the files say', async () => {
  const calls = join(dir, 'calls');
  const command = getent(`echo >>'${calls}'; exec sleep 600`, 'getent-hanging');
  const { namesOf, idsOf } = createAccountNames({ command, timeoutMs: 50 });
  const { names, problem } = await namesOf('passwd', [0]);
  expect([names.get(0), problem]).toEqual(['root', `${command} passwd did not answer within 0.05 s`]);
  expect(await idsOf('passwd', ['root'])).toEqual({ ids: new Map([['root', 0]]), problem });
  expect(readFileSync(calls, 'utf8')).toBe('\n');
});

test('many are looked up in batches, none of which is too long for a command line', async () => {
  const command = getent('shift; for key; do echo "u$key:x:$key:1::/:"; done; [ $# -le 200 ]');
  const ids = Array.from({ length: 1_001 }, (_, i) => i + 1);
  const { names } = await createAccountNames({ command }).namesOf('passwd', ids);
  expect(names.size).toBe(1_001);
});

test.each([
  ['', false],
  ['a:b', false],
  ['a\nb', false],
  ['a\u001b[2J', false],
  ['\u202e', false],
  ['\ud800', false],
  ['x'.repeat(257), false],
  ['x'.repeat(256), true],
  ['DOMAIN\\user name', true],
  ['müller', true],
])('%j: whether it can be a name', (name, is) => {
  expect(isAccountName(name)).toBe(is);
});
