// The names of the owners that a listing meets, each looked up once a listing and told once. Root is not looked up.

import type { ListedRoot } from '../../files/entry.js';
import type { NewOwners } from '../../listing/walk-lines.js';
import { createAccountNames } from '../../owners/account-names.js';
import { MAX_NAMES, type OwnerNames } from '../../owners/owner-names.js';
import type { Notice } from '../notices.js';

/** Neither ever rejects: what cannot be looked up has no name. */
export interface NamesTold {
  ofRoots(roots: readonly Pick<ListedRoot, 'uid' | 'gid'>[]): Promise<OwnerNames>;
  /** Undefined when all of them have been told. */
  ofMore(owners: NewOwners): Promise<OwnerNames | undefined>;
}

export function createNamesTold(notice: Notice, accounts = createAccountNames()): NamesTold {
  const told = { users: new Set([0]), groups: new Set([0]) };

  const news = (kind: keyof typeof told, ids: readonly (number | null)[]): number[] => {
    const found = [...new Set(ids)].filter((id) => id !== null && !told[kind].has(id)) as number[];
    for (const id of found) told[kind].add(id);
    return found;
  };

  async function look(users: number[], groups: number[]): Promise<OwnerNames> {
    const [{ names: ofUsers, trouble }, { names: ofGroups, trouble: also }] = await Promise.all([
      accounts.namesOf('passwd', withinBound(users, told.users)),
      accounts.namesOf('group', withinBound(groups, told.groups)),
    ]);
    const why = trouble ?? also;
    if (why !== undefined) notice('unnamed', `the names of some owners could not be looked up: ${why}`);
    return { users: named(users, ofUsers), groups: named(groups, ofGroups), trouble: why };
  }

  return {
    ofRoots: (roots) =>
      look(
        news(
          'users',
          roots.map(({ uid }) => uid),
        ),
        news(
          'groups',
          roots.map(({ gid }) => gid),
        ),
      ),
    async ofMore(owners) {
      const [users, groups] = [news('users', owners.users), news('groups', owners.groups)];
      return users.length + groups.length === 0 ? undefined : look(users, groups);
    },
  };
}

/** A listing with more is refused at the other end, so their names are of no use. */
const withinBound = (ids: number[], { size }: ReadonlySet<number>): number[] => (size > MAX_NAMES ? [] : ids);

const named = (ids: readonly number[], names: ReadonlyMap<number, string>): Map<number, string | null> =>
  new Map(ids.map((id) => [id, names.get(id) ?? null]));
