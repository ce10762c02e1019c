import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { AccountNames } from '../../src/owners/account-names.js';
import { type NameRule, parseOwnerRule } from '../../src/owners/owner-rules.js';
import { OwnerMap } from '../../src/sides/owner-map.js';
import { resolveRules } from '../../src/sides/owner-rules.js';

type Ids = Record<string, number>;

/** The accounts of a host, of which the first with a number gives it its name. */
function accountsOf(users: Ids, groups: Ids = users): AccountNames {
  const of = (database: string) => Object.entries(database === 'passwd' ? users : groups);
  return {
    namesOf: async (database, ids) => ({
      names: new Map(
        ids.flatMap((id) => {
          const [name] = of(database).find(([, one]) => one === id) ?? [];
          return name === undefined ? [] : [[id, name] as const];
        }),
      ),
    }),
    idsOf: async (database, names) => ({ ids: new Map(of(database).filter(([name]) => names.includes(name))) }),
  };
}

const rulesOf = (texts: string[]): NameRule[] => texts.map((text) => parseOwnerRule(text) as NameRule);

async function mapOf(
  here: AccountNames,
  texts: string[] = [],
  canGiveTo = (_: string, _id: number) => true,
): Promise<OwnerMap> {
  return new OwnerMap({ rules: await resolveRules(rulesOf(texts), here), accounts: here, canGiveTo });
}

/** What becomes of one number that has this name at the source: its number here, or why not. */
async function fate(name: string | null, id: number, here: Ids, texts: string[] = []): Promise<number | string> {
  const map = await mapOf(accountsOf(here), texts);
  await map.learn({ users: new Map(), groups: new Map() });
  await map.learn({ users: new Map([[id, name]]), groups: new Map([[id, name]]) });
  const owner = map.toLocal({ uid: id, gid: id })!;
  map.meet(owner);
  const [refused] = map.refused();
  expect(owner.uid).toBe(owner.gid);
  return refused?.why ?? owner.uid;
}

describe('an owner of the source is here', () => {
  test.each<[string, string | null, number, Ids, string[], number | string]>([
    ['who has his name', 'db', 998, { db: 117 }, [], 117],
    ['who has his name and his number', 'db', 998, { db: 998, other: 999 }, [], 998],
    ['one of two names of a number', 'db', 998, { postgres: 26, db: 26 }, [], 26],
    ['his number, where nobody has either', 'db', 998, {}, [], 998],
    ['his number, where he has no name and nobody has it', null, 998, {}, [], 998],
    [
      'nobody, where his number is another’s',
      'db',
      998,
      { mail: 998 },
      [],
      'is nobody here by name, and 998 is mail here',
    ],
    ['nobody, without a name, either', null, 998, { mail: 998 }, [], 'is nobody here by name, and 998 is mail here'],
    [
      'nobody with the overflow number',
      'nobody',
      65534,
      { nobody: 65534 },
      [],
      'is what every owner that is not mapped in a user namespace looks like',
    ],
    ['not root, whatever his name is here', 'toor', 12, { toor: 0 }, [], 'is root here'],
    ['the account of a rule', 'db', 998, { mail: 998, cassandra: 5 }, ['db=cassandra'], 5],
    ['the number of a rule', 'db', 998, { mail: 998 }, ['db=1234'], 1234],
    ['the account of a rule for its number, without a name', null, 998, { cassandra: 5 }, ['998=cassandra'], 5],
    ['not the account of a rule for its number, with a name', 'db', 998, { cassandra: 5 }, ['998=cassandra'], 998],
    ['the account of a rule, with the overflow number', 'nobody', 65534, {}, ['nobody=77'], 77],
    ['not who has his number for a name', '1000', 77, { real: 1000 }, [], 77],
    ['root, if a rule names root', 'db', 998, {}, ['db=0'], 0],
  ])('%s', async (_, name, id, here, texts, expected) => {
    expect(await fate(name, id, here, texts)).toBe(expected);
  });

  test('root, without a lookup', async () => {
    const map = await mapOf(accountsOf({}));
    expect(map.toLocal({ uid: 0, gid: 0 })).toEqual({ uid: 0, gid: 0 });
    expect([map.isIdentity, map.mapped('user'), map.refused()]).toEqual([true, [], []]);
  });
});

test('user and group go their own ways', async () => {
  const map = await mapOf(accountsOf({ a: 5 }, { a: 6, taken: 9 }), ['user:b=70']);
  await map.learn({
    users: new Map([
      [1, 'a'],
      [2, 'b'],
    ]),
    groups: new Map([
      [1, 'a'],
      [9, 'b'],
    ]),
  });
  expect(map.toLocal({ uid: 1, gid: 1 })).toEqual({ uid: 5, gid: 6 });
  expect(map.toLocal({ uid: 2, gid: 1 })).toEqual({ uid: 70, gid: 6 });
  expect(map.refused()).toMatchObject([{ kind: 'group', id: 9, name: 'b' }]);
});

test('two who have changed numbers change them back', async () => {
  const map = await mapOf(accountsOf({ a: 2, b: 1 }));
  await map.learn({
    users: new Map([
      [1, 'a'],
      [2, 'b'],
    ]),
    groups: new Map(),
  });
  expect([map.toLocal({ uid: 1, gid: 0 })!.uid, map.toLocal({ uid: 2, gid: 0 })!.uid, map.isIdentity]).toEqual([
    2,
    1,
    false,
  ]);
});

test('an owner that is nobody here is refused where an entry has it, and of the roots at once', async () => {
  const here = accountsOf({ mail: 998 });
  const map = await mapOf(here);
  await map.learn({ users: new Map(), groups: new Map() });
  await map.learn({ users: new Map([[998, 'db']]), groups: new Map() });
  expect([map.hasRefused, map.refused()]).toEqual([true, []]);
  map.meet(map.toLocal({ uid: 998, gid: 0 }));
  expect(map.refused()).toHaveLength(1);
  const ofRoots = await mapOf(here);
  await ofRoots.learn({ users: new Map([[998, 'db']]), groups: new Map() });
  expect(ofRoots.refused()).toHaveLength(1);
});

test('whom no file can be given to is refused', async () => {
  const map = await mapOf(accountsOf({ db: 70_000 }), [], (kind, id) => kind === 'group' || id < 65_536);
  await map.learn({ users: new Map([[5, 'db']]), groups: new Map([[5, 'db']]) });
  expect(map.refused()).toMatchObject([
    { kind: 'user', why: expect.stringContaining('not mapped in the user namespace') },
  ]);
  expect(map.toLocal({ uid: 5, gid: 5 })!.gid).toBe(70_000);
});

test('of an older source every number stays, but for those that a rule is about', async () => {
  const map = await mapOf(accountsOf({ mail: 998 }), ['77=mail', 'db=mail']);
  map.learnNoNames();
  expect(map.isIdentity).toBe(false);
  expect(map.toLocal({ uid: 998, gid: 65_534 })).toEqual({ uid: 998, gid: 65_534 });
  expect(map.toLocal({ uid: 77, gid: 5 })).toEqual({ uid: 998, gid: 5 });
  expect(map.refused()).toEqual([]);
  expect(map.unmatched().map(({ rule }) => rule.name)).toEqual(['db']);
});

test('why names may be missing is reported for both hosts, once each', async () => {
  const here = accountsOf({});
  const troubled: AccountNames = {
    ...here,
    namesOf: async (...args) => ({ ...(await here.namesOf(...args)), problem: 'slow' }),
  };
  const map = await mapOf(troubled);
  const names = (id: number) => ({ users: new Map([[id, null]]), groups: new Map([[id, null]]), trouble: 'hung' });
  for (const id of [5, 6]) await map.learn(names(id));
  expect(map.problems).toEqual([
    'the source could not look up all names of owners: hung',
    'not all names of owners could be looked up here: slow',
  ]);
});

test('who is unknown because nobody answered goes by no number', async () => {
  const here = accountsOf({ files: 7 });
  const unanswered: AccountNames = {
    namesOf: async (...args) => ({ ...(await here.namesOf(...args)), problem: 'hung' }),
    idsOf: async (...args) => ({ ...(await here.idsOf(...args)), problem: 'hung' }),
  };
  const map = await mapOf(unanswered, ['ruled=9']);
  const users = new Map([
    [5, 'files'],
    [6, 'ldap'],
    [8, 'ruled'],
  ] as const);
  await map.learn({ users, groups: new Map() });
  expect(map.refused()).toMatchObject([
    { id: 6, name: 'ldap', why: expect.stringContaining('the lookup was not answered') },
  ]);
  expect(map.toLocal({ uid: 5, gid: 0 })!.uid).toBe(7);
  expect(map.toLocal({ uid: 8, gid: 0 })!.uid).toBe(9);

  const there = await mapOf(accountsOf({}));
  await there.learn({ users: new Map([[5, null]]), groups: new Map(), trouble: 'hung' });
  expect(there.refused()).toMatchObject([{ id: 5, why: expect.stringContaining('not found out') }]);
});

test('a number whose name is not in the listing is not mapped, and an owner is always the same object', async () => {
  const map = await mapOf(accountsOf({}));
  await map.learn({ users: new Map([[5, null]]), groups: new Map() });
  expect(map.toLocal({ uid: 5, gid: 5 })).toBeUndefined();
  expect(map.toLocal({ uid: 5, gid: 0 })).toBe(map.toLocal({ uid: 5, gid: 0 }));
});

test('whoever is known on both sides by a name goes by it, whatever the numbers', async () => {
  const ids = fc.uniqueArray(fc.integer({ min: 1, max: 20 }), { minLength: 4, maxLength: 4 });
  await fc.assert(
    fc.asyncProperty(ids, ids, async (there, here) => {
      const names = ['a', 'b', 'c', 'd'];
      const local = Object.fromEntries(names.map((name, i) => [name, here[i]!]));
      const map = await mapOf(accountsOf(local));
      await map.learn({ users: new Map(names.map((name, i) => [there[i]!, name])), groups: new Map() });
      for (const [i, name] of names.entries()) expect(map.toLocal({ uid: there[i]!, gid: 0 })!.uid).toBe(local[name]);
      expect(map.isIdentity).toBe(names.every((_, i) => there[i] === here[i]));
    }),
  );
});

test.each(['a=nobody-here', 'user:a=only-a-group', 'group:a=only-a-user'])('%s names nobody here', async (text) => {
  const here = accountsOf({ 'only-a-user': 5 }, { 'only-a-group': 5 });
  await expect(resolveRules(rulesOf([text]), here)).rejects.toMatchObject({ code: 'usage' });
});

test('a rule for both that names a user alone refuses the group of that name', async () => {
  const map = await mapOf(accountsOf({ db: 5 }, {}), ['a=db']);
  await map.learn({ users: new Map([[1, 'a']]), groups: new Map([[1, 'a']]) });
  expect(map.refused()).toMatchObject([{ kind: 'group', why: 'is to be db, and there is no such group here' }]);
});
