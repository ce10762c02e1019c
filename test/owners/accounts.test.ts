import { expect, test } from '@jest/globals';
import { groupText, isPrivateGroup, parseAccounts, userText } from '../../src/owners/accounts.js';

const PASSWD = `root:x:0:0:root:/root:/bin/sh
alice:x:1000:1000::/home/alice:/bin/sh
bob:x:1001:1001::/home/bob:/bin/sh
carol:x:1002:100::/home/carol:/bin/sh
dave:x:1003:100::/home/dave:/bin/sh
erin:x:1004:1004::/home/erin:/bin/sh

+::::::
`;
const GROUP = `root:x:0:
alice:x:1000:
bob:x:1001:alice
users:x:100:
staff:x:50:
erin:x:1004:erin,root
ghosts:x:1000:nobody-known
+:::
`;
const ACCOUNTS = parseAccounts(PASSWD, GROUP.replace(/^ghosts.*\n/m, ''));

test.each([
  ['of the owner alone', 1000, [1000], true],
  ["root's own", 0, [0], true],
  ['with its owner and root named in it', 1004, [1004], true],
  ['with a guest', 1001, [1001], false],
  ['whose guest is the caller', 1001, [1001, 1000], true],
  ['which two have in common', 100, [1002], false],
  ['which two have in common, who are owner and caller', 100, [1002, 1003], true],
  ['without any member', 50, [1000], false],
  ['of somebody else', 1000, [1001], false],
  ['unknown on this host', 4711, [1000], false],
  ['unknown, of an owner who is so too', 4711, [4711], false],
])('a group %s', (_, gid, uids, isPrivate) => expect(isPrivateGroup(ACCOUNTS, gid, uids)).toBe(isPrivate));

test('a member whom no list knows is somebody else', () => {
  expect(isPrivateGroup(parseAccounts(PASSWD, GROUP), 1000, [1000])).toBe(false);
});

test('without lists nobody is known', () => {
  expect(isPrivateGroup(parseAccounts('', ''), 1000, [1000])).toBe(false);
});

test('owners and groups are named where they have names', () => {
  expect([userText(ACCOUNTS, 1000), userText(ACCOUNTS, 4711)]).toEqual(['uid 1000 (alice)', 'uid 4711']);
  expect([groupText(ACCOUNTS, 50), groupText(ACCOUNTS, 4711)]).toEqual(['group 50 (staff)', 'group 4711']);
});
