import { expect, test } from '@jest/globals';
import { createNamesTold } from '../../../src/agent/replies/names-told.js';
import type { AccountNames } from '../../../src/owners/account-names.js';

/** Everybody with an even number is known; what was asked is kept. */
function accounts(trouble?: string): AccountNames & { asked: string[] } {
  const asked: string[] = [];
  return {
    asked,
    idsOf: async () => ({ ids: new Map() }),
    namesOf: async (database, ids) => {
      asked.push(`${database} ${ids}`);
      const names = new Map(ids.filter((id) => id % 2 === 0).map((id) => [id, `u${id}`]));
      return { names, ...(trouble !== undefined && { trouble }) };
    },
  };
}

test('each number is asked for and told once, and root’s never', async () => {
  const known = accounts();
  const told = createNamesTold(() => {}, known);
  const roots = [
    { uid: 0, gid: 2 },
    { uid: 7, gid: 2 },
    { uid: null, gid: null },
  ];
  expect(await told.ofRoots(roots)).toEqual({
    users: new Map([[7, null]]),
    groups: new Map([[2, 'u2']]),
    trouble: undefined,
  });
  expect(await told.ofMore({ users: [7, 8], groups: [2] })).toMatchObject({
    users: new Map([[8, 'u8']]),
    groups: new Map(),
  });
  expect(await told.ofMore({ users: [8], groups: [0] })).toBeUndefined();
  expect(known.asked).toEqual(['passwd 7', 'group 2', 'passwd 8', 'group ']);
});

test('why names are missing is said to both operators', async () => {
  const said: string[] = [];
  const told = createNamesTold((kind, text) => said.push(`${kind}: ${text}`), accounts('getent passwd did not answer'));
  expect(await told.ofRoots([{ uid: 7, gid: 0 }])).toMatchObject({ trouble: 'getent passwd did not answer' });
  expect(said).toEqual(['unnamed: the names of some owners could not be looked up: getent passwd did not answer']);
});

test('more than a listing may have are told without asking', async () => {
  const known = accounts();
  const told = createNamesTold(() => {}, known);
  const users = Array.from({ length: 100_001 }, (_, i) => 1 + i);
  expect((await told.ofMore({ users, groups: [] }))!.users.size).toBe(100_001);
  expect(known.asked).toEqual(['passwd ', 'group ']);
});
