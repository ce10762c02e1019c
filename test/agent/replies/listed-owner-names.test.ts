import { expect, test } from '@jest/globals';
import { createListedOwnerNames } from '../../../src/agent/replies/listed-owner-names.js';
import type { AccountNames } from '../../../src/owners/account-names.js';

/** Accounts with even numbers are known; the requests are recorded in `requests`. */
function accounts(problem?: string): AccountNames & { requests: string[] } {
  const requests: string[] = [];
  return {
    requests,
    idsOf: async () => ({ ids: new Map() }),
    namesOf: async (database, ids) => {
      requests.push(`${database} ${ids}`);
      const names = new Map(ids.filter((id) => id % 2 === 0).map((id) => [id, `u${id}`]));
      return { names, ...(problem !== undefined && { problem }) };
    },
  };
}

test('each number is looked up and returned once, root’s never', async () => {
  const known = accounts();
  const ownerNames = createListedOwnerNames(() => {}, known);
  const roots = [
    { uid: 0, gid: 2 },
    { uid: 7, gid: 2 },
    { uid: null, gid: null },
  ];
  expect(await ownerNames.ofRoots(roots)).toEqual({
    users: new Map([[7, null]]),
    groups: new Map([[2, 'u2']]),
    trouble: undefined,
  });
  expect(await ownerNames.ofNew({ users: [7, 8], groups: [2] })).toMatchObject({
    users: new Map([[8, 'u8']]),
    groups: new Map(),
  });
  expect(await ownerNames.ofNew({ users: [8], groups: [0] })).toBeUndefined();
  expect(known.requests).toEqual(['passwd 7', 'group 2', 'passwd 8', 'group ']);
});

test('the reason for missing names is reported to both operators', async () => {
  const notices: string[] = [];
  const ownerNames = createListedOwnerNames(
    (kind, text) => notices.push(`${kind}: ${text}`),
    accounts('getent passwd did not answer'),
  );
  expect(await ownerNames.ofRoots([{ uid: 7, gid: 0 }])).toMatchObject({ trouble: 'getent passwd did not answer' });
  expect(notices).toEqual(['unnamed: the names of some owners could not be looked up: getent passwd did not answer']);
});

test('names beyond the limit of a listing are not looked up', async () => {
  const known = accounts();
  const ownerNames = createListedOwnerNames(() => {}, known);
  const users = Array.from({ length: 100_001 }, (_, i) => 1 + i);
  expect((await ownerNames.ofNew({ users, groups: [] }))!.users.size).toBe(100_001);
  expect(known.requests).toEqual(['passwd ', 'group ']);
});
