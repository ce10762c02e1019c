// Looks up the names of the owners in a listing, for each number once a listing. Root is never looked up.

import type { ListedRoot } from '../../files/listing.js';
import type { NewOwners } from '../../listing/walk-lines.js';
import { createAccountNames } from '../../owners/account-names.js';
import { MAX_NAMES, type OwnerNames } from '../../owners/owner-names.js';
import type { Notice } from '../notices.js';

/** Neither method rejects: an owner that cannot be looked up has no name. */
export interface ListedOwnerNames {
  ofRoots(roots: readonly Pick<ListedRoot, 'uid' | 'gid'>[]): Promise<OwnerNames>;
  /** Undefined when the names of all these owners were returned before. */
  ofNew(owners: NewOwners): Promise<OwnerNames | undefined>;
}

export function createListedOwnerNames(notice: Notice, accounts = createAccountNames()): ListedOwnerNames {
  const done = { users: new Set([0]), groups: new Set([0]) };

  const takeNew = (kind: keyof typeof done, ids: readonly (number | null)[]): number[] => {
    const found = [...new Set(ids)].filter((id) => id !== null && !done[kind].has(id)) as number[];
    for (const id of found) done[kind].add(id);
    return found;
  };

  async function lookUp(users: number[], groups: number[]): Promise<OwnerNames> {
    const [{ names: ofUsers, problem }, { names: ofGroups, problem: also }] = await Promise.all([
      accounts.namesOf('passwd', withinLimit(users, done.users)),
      accounts.namesOf('group', withinLimit(groups, done.groups)),
    ]);
    const why = problem ?? also;
    if (why !== undefined) notice('unnamed', `the names of some owners could not be looked up: ${why}`);
    return { users: named(users, ofUsers), groups: named(groups, ofGroups), trouble: why };
  }

  return {
    ofRoots: (roots) =>
      lookUp(
        takeNew(
          'users',
          roots.map(({ uid }) => uid),
        ),
        takeNew(
          'groups',
          roots.map(({ gid }) => gid),
        ),
      ),
    async ofNew(owners) {
      const [users, groups] = [takeNew('users', owners.users), takeNew('groups', owners.groups)];
      return users.length + groups.length === 0 ? undefined : lookUp(users, groups);
    },
  };
}

/** The other end refuses a listing with more owners, so their names are of no use. */
const withinLimit = (ids: number[], { size }: ReadonlySet<number>): number[] => (size > MAX_NAMES ? [] : ids);

const named = (ids: readonly number[], names: ReadonlyMap<number, string>): Map<number, string | null> =>
  new Map(ids.map((id) => [id, names.get(id) ?? null]));
