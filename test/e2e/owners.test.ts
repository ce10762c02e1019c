import { chmodSync, chownSync, lchownSync, lstatSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { CAN_HAVE_ACCOUNTS, withAccounts } from '../support/accounts.js';
import { IS_ROOT } from '../support/as-user.js';
import { jsonLines } from '../support/lm.js';
import { longTest } from '../support/long-test.js';
import { sandbox } from '../support/sandbox.js';
import { dir, file, link } from '../support/tree.js';

const asRoot = IS_ROOT ? test : test.skip;

asRoot('a root that lm makes belongs to whom it belongs at the source', async () => {
  const { source, destination } = sandbox();
  const from = source.write('data', { a: 'a' });
  chownSync(from, 1234, 4321);
  const agent = await source.serve([from]);
  const to = destination.path('made');
  expect(await destination.lm(['copy', agent.url, to])).toMatchObject({ code: 0 });
  expect(ownersIn(to, ['.'])).toEqual({ '.': '1234:4321' });
});

/** `uid:gid` of each, itself where it is a link. */
const ownersIn = (root: string, names: string[]): Record<string, string> =>
  Object.fromEntries(
    names.map((name) => {
      const { uid, gid } = lstatSync(join(root, name));
      return [name, `${uid}:${gid}`];
    }),
  );

const NAMES = ['.', 'd', 'd/x', 'l', 'mine'];

/** A source whose accounts are these, with a tree of `db`'s; nobody but root has `mine`. */
async function served(
  users: Record<string, number>,
  groups = users,
  owner = [users['db'] ?? 998, groups['db'] ?? 998] as const,
) {
  const hosts = sandbox();
  const { source, destination } = hosts;
  const from = source.write('data', { d: dir({ x: 'x' }), l: link('d/x'), mine: 'm' });
  for (const name of NAMES.slice(0, -1)) lchownSync(join(from, name), ...owner);
  const { url } = await source.serve([from], { under: withAccounts(source, users, groups) });
  return { ...hosts, from, url, to: destination.write('to', {}) };
}

const reportIn = (stdout: string) => jsonLines(stdout).at(-1)!['report'];

(CAN_HAVE_ACCOUNTS ? describe : describe.skip)('owners go by name', () => {
  test('where their numbers differ, roots, directories and links too; and once more is nothing to do', async () => {
    const { destination, url, to } = await served({ db: 998, group: 7 }, { db: 997 });
    const under = withAccounts(destination, { db: 117, other: 998 }, { db: 118, other: 997 });
    const first = await destination.lm(['copy', url, to, '--json'], { under });
    expect(first).toMatchObject({ code: 0, stderr: '' });
    const owners = {
      users: [{ id: 998, name: 'db', to: 117, by: 'name' }],
      groups: [{ id: 997, name: 'db', to: 118, by: 'name' }],
    };
    expect(jsonLines(first.stdout).filter(({ type }) => type === 'owners')).toMatchObject([owners]);
    expect(reportIn(first.stdout)).toMatchObject({ owners });
    const theirs = { ...Object.fromEntries(NAMES.map((name) => [name, '117:118'])), mine: '0:0' };
    expect(ownersIn(to, NAMES)).toEqual(theirs);

    const again = await destination.lm(['copy', '--dry-run', '--json'], { under });
    expect(reportIn(again.stdout)).toMatchObject({ owners, wouldDo: { fix: 0, download: { entries: 0 } } });
    expect(await destination.lm(['copy'], { under })).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^ {2}owners +user db \(998\) is 117 here, group db \(997\) is 118 here$/m),
    });
    expect(await destination.lm(['verify'], { under })).toMatchObject({ code: 0 });
    expect(await destination.lm(['complete'], { under })).toMatchObject({ code: 0 });
    expect(ownersIn(to, NAMES)).toEqual(theirs);
  });

  longTest('also where two have each other’s number', async () => {
    const { destination, url, to, from } = await served({ db: 11, web: 12 });
    chownSync(join(from, 'mine'), 12, 12);
    const under = withAccounts(destination, { db: 12, web: 11 });
    for (let pass = 0; pass < 2; pass++) {
      const copied = await destination.lm(['copy', url, to, '--json'], { under });
      expect(copied.code).toBe(0);
      expect(reportIn(copied.stdout).status.at(-1).filesDownloaded).toBe(0);
      expect(ownersIn(to, NAMES)).toMatchObject({ '.': '12:12', 'd/x': '12:12', l: '12:12', mine: '11:11' });
    }
    expect(await destination.lm(['verify'], { under })).toMatchObject({ code: 0 });
  });

  test('and by number, which is said, where nobody has the name or the number here', async () => {
    const { destination, url, to } = await served({ db: 998 });
    const copied = await destination.lm(['copy', url, to], { under: withAccounts(destination, {}) });
    expect(copied).toMatchObject({ code: 0, stderr: '' });
    const said = /owners: by number, as nobody here has the name or the number: user db \(998\), group db \(998\)$/gm;
    expect(copied.stdout.match(said)).toHaveLength(1);
    expect(ownersIn(to, ['d/x'])).toEqual({ 'd/x': '998:998' });
  });

  longTest('of a program that keeps its setuid bit, though to give it away takes it', async () => {
    const { destination, url, to, from } = await served({ db: 998 });
    writeFileSync(join(from, 'program'), 'p');
    chownSync(join(from, 'program'), 998, 998);
    chmodSync(join(from, 'program'), 0o4755);
    const under = withAccounts(destination, { db: 117 });
    expect(await destination.lm(['copy', url, to, '--keep-setuid'], { under })).toMatchObject({ code: 0 });
    const { uid, mode } = lstatSync(join(to, 'program'));
    expect([uid, mode & 0o7777]).toEqual([117, 0o4755]);
  });

  test('and a difference that verify finds is told with their names', async () => {
    const { destination, url, to } = await served({ db: 998 });
    const under = withAccounts(destination, { db: 117, other: 5 });
    expect(await destination.lm(['copy', url, to], { under })).toMatchObject({ code: 0 });
    chownSync(join(to, 'd/x'), 5, 117);
    expect(await destination.lm(['verify'], { under })).toMatchObject({
      code: 4,
      stdout: expect.stringContaining('owner  source 117:117 (db:db), destination 5:117 (other:db): data/0/d/x'),
    });
  });
});

(CAN_HAVE_ACCOUNTS ? describe : describe.skip)('an owner that is nobody here', () => {
  const refused = async (users: Record<string, number>, here: Record<string, number>, args: string[] = []) => {
    const hosts = await served(users);
    const { destination, url, to } = hosts;
    const under = withAccounts(destination, here);
    return { ...hosts, under, ended: await destination.lm(['copy', url, to, ...args], { under }) };
  };

  test('is refused before anything is changed, user and group in one message, with the flag', async () => {
    const { ended, to } = await refused({ db: 998 }, { mail: 998 });
    expect(ended.code).toBe(6);
    expect(ended.stderr).toContain('user db (998) is nobody here by name, and 998 is mail here\n');
    expect(ended.stderr).toContain('group db (998) is nobody here by name, and 998 is mail here\n');
    expect(ended.stderr).toContain('--owner db=NAME or =NUMBER');
    expect(ended.stderr).toContain('\nerror owner-map (6): ');
    expect(readdirSync(to)).toEqual([]);
    expect(ownersIn(to, ['.'])).toEqual({ '.': '0:0' });
  });

  test('is who a rule says, which verify and complete remember, until another is given', async () => {
    const { to, destination, under, url } = await refused({ db: 998 }, { mail: 998, cassandra: 117 });
    const rule = ['--owner', 'db=cassandra'];
    expect(await destination.lm(['copy', url, to, ...rule], { under })).toMatchObject({ code: 0, stderr: '' });
    expect(ownersIn(to, NAMES)).toMatchObject({ '.': '117:117', d: '117:117', l: '117:117', mine: '0:0' });
    for (const command of ['copy', 'verify'])
      expect(await destination.lm([command], { under })).toMatchObject({
        code: 0,
        stdout: expect.stringContaining('user db (998) is 117 here, group db (998) is 117 here'),
      });
    expect((await destination.lm(['config', 'show'], { under })).stdout).toMatch(
      /^owner +db=cassandra +the first copy$/m,
    );

    const other = await destination.lm(['copy', '--owner', 'user:db=mail', '--owner', 'group:db=117'], { under });
    expect(other.code).toBe(0);
    expect(other.stderr).toContain(
      'owners are mapped to other accounts than in the last copy: 4 entries here will get another',
    );
    expect(other.stderr).toContain('user db (998 at the source) was 117 here and is 998 now');
    expect(other.stderr).not.toContain('group db');
    expect(other.stdout).toMatch(
      /^ {2}owners +4 entries with another owner than before: user db \(998 at the source\) was/m,
    );
    expect(ownersIn(to, ['.', 'd/x', 'l'])).toEqual({ '.': '998:117', 'd/x': '998:117', l: '998:117' });
    expect(await destination.lm(['verify'], { under })).toMatchObject({ code: 0 });
    expect(await destination.lm(['complete'], { under })).toMatchObject({ code: 0 });
  });

  test('is his number with --owner numeric, which is said to the end, and names undoes it', async () => {
    const { to, destination, under, ended } = await refused({ db: 998 }, { mail: 998 }, ['--owner', 'numeric']);
    expect(ended).toMatchObject({ code: 0, stderr: '' });
    expect(ended.stdout).toMatch(/^ {2}owners +by number, whatever their names \(--owner numeric\)$/m);
    expect(ownersIn(to, ['d/x'])).toEqual({ 'd/x': '998:998' });
    expect(await destination.lm(['verify'], { under })).toMatchObject({ code: 0 });
    expect(await destination.lm(['copy', '--owner', 'names'], { under })).toMatchObject({ code: 6 });
  });

  longTest('is told by a dry run, which goes on, and by a verification', async () => {
    const { to, destination, url, under } = await refused({ db: 998 }, { mail: 998 });
    const dry = await destination.lm(['copy', url, to, '--dry-run'], { under });
    expect(dry.stderr).toContain('a real run would refuse: owners at the source cannot be mapped to this host');
    expect(dry.stdout).toContain('plan: 4 to copy');
    const known = withAccounts(destination, { mail: 998, db: 5 });
    expect(await destination.lm(['copy', url, to], { under: known })).toMatchObject({ code: 0 });
    const gone = withAccounts(destination, { mail: 998 });
    expect(await destination.lm(['verify'], { under: gone })).toMatchObject({ code: 6 });
  });

  test('is refused with the overflow number, but for a rule', async () => {
    const { destination, url, to } = await served({ nobody: 65_534 }, {}, [65_534, 0]);
    const under = withAccounts(destination, { nobody: 65_534, db: 7 });
    expect(await destination.lm(['copy', url, to], { under })).toMatchObject({
      code: 6,
      stderr: expect.stringContaining(
        'user nobody (65534) is what every owner that is not mapped in a user namespace looks like',
      ),
    });
    const ruled = await destination.lm(['copy', url, to, '--owner', 'nobody=db'], { under });
    expect(ruled).toMatchObject({ code: 0 });
    expect(ownersIn(to, ['d/x'])).toEqual({ 'd/x': '7:0' });
  });

  longTest('does not matter of what this side excludes', async () => {
    const { destination, url, to, from, host } = await served({ db: 998 });
    writeFileSync(join(from, 'd/y'), 'y');
    chownSync(join(from, 'd/y'), 997, 0);
    writeFileSync(destination.path('lm.yaml'), 'live_migration: {files_to_exclude: ["glob:**/y"]}\n');
    const under = withAccounts(destination, { db: 117, mail: 997 });
    expect(await destination.lm(['copy', url, to], { under })).toMatchObject({ code: 0 });
    const other = host('other');
    expect(await other.lm(['copy', url, other.write('to', {})], { under })).toMatchObject({
      code: 6,
      stderr: expect.stringContaining('user 997 is nobody here by name, and 997 is mail here'),
    });
  });
});

(CAN_HAVE_ACCOUNTS ? test : test.skip)(
  'an account that has got another number here is said before anything changes',
  async () => {
    const { destination, url, to, from } = await served({ db: 998 });
    expect(await destination.lm(['copy', url, to], { under: withAccounts(destination, { db: 117 }) })).toMatchObject({
      code: 0,
    });
    const under = withAccounts(destination, { db: 118 });
    const dry = await destination.lm(['copy', '--dry-run'], { under });
    expect(dry.stderr).toContain('4 entries here will get another owner');
    expect(ownersIn(to, ['d/x'])).toEqual({ 'd/x': '117:117' });
    rmSync(join(from, 'mine'));
    const refused = await destination.lm(['copy', '--max-delete', '0'], { under });
    expect(refused).toMatchObject({
      code: 6,
      stderr: expect.stringContaining('4 entries here will get another owner'),
    });
    expect(ownersIn(to, ['d/x'])).toEqual({ 'd/x': '117:117' });
    const copied = await destination.lm(['copy', '--max-delete', '1', '--json'], { under });
    expect(reportIn(copied.stdout).owners.changed).toEqual({
      owners: [
        'user db (998 at the source) was 117 here and is 118 now',
        'group db (998 at the source) was 117 here and is 118 now',
      ],
      entries: 4,
    });
    expect(ownersIn(to, ['.', 'd/x', 'l'])).toEqual({ '.': '118:118', 'd/x': '118:118', l: '118:118' });
    expect((await destination.lm(['copy'], { under })).stderr).toBe('');
  },
);

test.each([
  [
    'a name that nobody has here',
    ['db=nobody-of-this-name'],
    /^lm copy: --owner db=nobody-of-this-name: there is neither/m,
  ],
  ['no rule', ['db'], /--owner: got 'db', takes NAME=NAME/],
  ['root', ['root=daemon'], /hint: root is root everywhere/],
  ['two for one name', ['db=1', 'user:db=2'], /--owner: db=1 and user:db=2 exclude each other/],
  ['numeric beside another', ['numeric', 'db=1'], /--owner: numeric and db=1 exclude each other/],
])('%s is a slip of the pen', async (_, rules, said) => {
  const { destination } = sandbox();
  const args = rules.flatMap((rule) => ['--owner', rule]);
  const ended = await destination.lm(['copy', 'http://127.0.0.1:1', destination.write('to', {}), ...args]);
  expect(ended).toMatchObject({ code: 2, stderr: expect.stringMatching(said) });
});

asRoot('rules come from the environment and the file, and one that is about nobody is said', async () => {
  const { source, destination } = sandbox();
  const from = source.write('data', { a: file({}) });
  chownSync(join(from, 'a'), 4242, 4242);
  const { url } = await source.serve([from]);
  const to = destination.write('to', {});
  writeFileSync(destination.path('lm.yaml'), 'owner: [4242=4343, "user:ghost=5"]\n');
  const copied = await destination.lm(['copy', url, to]);
  expect(copied).toMatchObject({
    code: 0,
    stderr: 'warning: --owner user:ghost=5: the source has nobody of that name\n',
  });
  expect(ownersIn(to, ['a'])).toEqual({ a: '4343:4343' });
  await destination.lm(['copy'], { env: { LM_OWNER: 'user:4242=1,group:4242=2' } });
  expect(ownersIn(to, ['a'])).toEqual({ a: '1:2' });
});
