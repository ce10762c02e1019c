// Reads the accounts in /etc/passwd and /etc/group: the name of an owner, and whether a group is the private group of a user. An account
// that only a directory service knows is unknown here.

import { readFileSync } from 'node:fs';

export interface Accounts {
  users: readonly { name: string; uid: number; gid: number }[];
  groups: readonly { name: string; gid: number; members: readonly string[] }[];
}

/** A missing file, as in some containers, has no accounts. */
export const readAccounts = (): Accounts => parseAccounts(textOf('/etc/passwd'), textOf('/etc/group'));

function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

export function parseAccounts(passwd: string, group: string): Accounts {
  return {
    users: fieldsOf(passwd, 4).map(([name, , uid, gid]) => ({ name: name!, uid: Number(uid), gid: Number(gid) })),
    groups: fieldsOf(group, 3).map(([name, , gid, members = '']) => ({
      name: name!,
      gid: Number(gid),
      members: members.split(',').filter((member) => member !== ''),
    })),
  };
}

const fieldsOf = (text: string, minFields: number): string[][] =>
  text
    .split('\n')
    .map((line) => line.trim().split(':'))
    .filter((fields) => fields.length >= minFields && fields[2] !== '');

/**
 * Whether `gid` is the private group of one of `uids`: the primary group of that user, without a member beside `uids`. Root may be a
 * member, as no group keeps root out.
 */
export function isPrivateGroup({ users, groups }: Accounts, gid: number, uids: readonly number[]): boolean {
  if (!users.some((user) => user.gid === gid && uids.includes(user.uid))) return false;
  const names = groups.filter((one) => one.gid === gid).flatMap(({ members }) => members);
  const inGroup = users.filter((user) => user.gid === gid || names.includes(user.name));
  const known = names.every((name) => users.some((user) => user.name === name));
  return known && inGroup.every(({ uid }) => uid === 0 || uids.includes(uid));
}

/** `uid 1000 (alice)` */
export function userText({ users }: Accounts, uid: number): string {
  const name = users.find((user) => user.uid === uid)?.name;
  return name === undefined ? `uid ${uid}` : `uid ${uid} (${name})`;
}

/** `group 50 (staff)` */
export function groupText({ groups }: Accounts, gid: number): string {
  const name = groups.find((group) => group.gid === gid)?.name;
  return name === undefined ? `group ${gid}` : `group ${gid} (${name})`;
}
