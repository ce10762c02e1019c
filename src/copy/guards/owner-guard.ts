// Whether each owner at the source is somebody here, and the same as for the copies before; says what is not, and keeps whom each was taken
// for. Gives nobody a file.

import { isDeepStrictEqual } from 'node:util';
import { formatEntries } from '../../amounts.js';
import { printable } from '../../errors.js';
import type { Emit } from '../../events.js';
import { type Owners, refusedOwners } from '../../migration/owners.js';
import type { AccountKind } from '../../owners/owner-rules.js';
import type { MappedOwner, OwnersReport } from '../../report.js';
import type { OwnerMap } from '../../sides/owner-map.js';
import type { Source } from '../../source/source.js';
import { type OwnersRecord, readOwners, recordOwners } from '../../state/owners.js';
import type { Survey } from '../survey.js';
import type { Objection } from './objections.js';

export interface OwnerGuard {
  /** Whether owners are set, and so whatever is in the way of it can be taken first. */
  readonly areSet: boolean;
  /** Before anything is changed. Throws `refused`, of all owners at once. */
  judge(survey: Pick<Survey, 'owners' | 'plan' | 'header' | 'proof'>): void;
  /** Once no guard is in the way: a copy that is refused changes no owner, and the next one has to tell of it again. */
  record(survey: Pick<Survey, 'owners'>): void;
  /** Of the last survey that was judged; undefined where there is nothing to say. */
  report(): OwnersReport | undefined;
}

export interface OwnerGuardOptions {
  source: Pick<Source, 'tells'>;
  /** The instance's. */
  dir: string;
  owners: Owners;
  emit: Emit;
  object: Objection;
}

/** By kind and number at the source. */
type Known = Record<'users' | 'groups', Map<number, MappedOwner>>;

const KINDS = [
  ['user', 'users'],
  ['group', 'groups'],
] as const satisfies [AccountKind, keyof OwnersRecord][];

export function createOwnerGuard({ source, dir, owners, emit, object }: OwnerGuardOptions): OwnerGuard {
  let recorded: OwnersRecord = readOwners(dir) ?? { users: [], groups: [] };
  let last: OwnersReport | undefined;
  let changed: OwnersReport['changed'];
  let told: string[] = [];

  const foundBy = (map: OwnerMap | undefined): Found => map ?? (owners.numeric ? 'numeric' : undefined);

  function tellChanged(map: OwnerMap | undefined, entries: number): void {
    const others = changesIn(foundBy(map), knownIn(recorded));
    if (others.length === 0 || isDeepStrictEqual(others, told)) return;
    told = others;
    changed = { owners: others.slice(0, MAX_TOLD), entries };
    const text = `owners are taken for others than in the copy before: ${formatEntries(entries)} here will get another owner`;
    emit({ type: 'warning', text, details: changed.owners });
  }

  return {
    areSet: owners.areSet,
    judge({ owners: map, plan, header, proof }) {
      const refused = refusedOwners(map);
      if (refused) object(refused);
      owners.tell(map, source, header.only === undefined && proof.errors === 0);
      tellChanged(map, plan.counts.otherOwner);
      const report = owners.report(map, source);
      last = report && { ...report, ...(changed && { changed }) };
    },
    record({ owners: map }) {
      const now = merged(foundBy(map), knownIn(recorded));
      if (isDeepStrictEqual(now, recorded)) return;
      recordOwners(dir, now);
      recorded = now;
    },
    report: () => last,
  };
}

const MAX_TOLD = 100;

const knownIn = (record: OwnersRecord): Known => ({
  users: new Map(record.users.map((one) => [one.id, one])),
  groups: new Map(record.groups.map((one) => [one.id, one])),
});

/** What a survey shows: whom its owners were taken for, or that each number is taken as it is. */
type Found = OwnerMap | 'numeric' | undefined;

/** A part of the source does not show all of its owners. */
function merged(found: Found, known: Known): OwnersRecord {
  const all = (kind: AccountKind, of: keyof Known): MappedOwner[] =>
    [...new Map([...known[of], ...foundIn(found, kind, known[of])]).values()].sort((a, b) => a.id - b.id);
  return { users: all('user', 'users'), groups: all('group', 'groups') };
}

function foundIn(found: Found, kind: AccountKind, known: Known[keyof Known]): [number, MappedOwner][] {
  if (found === undefined) return [];
  if (found !== 'numeric') return found.mapped(kind).map((one) => [one.id, one]);
  return [...known].map(([id, one]) => [id, { ...one, to: id, by: 'number' }]);
}

/** `user cassandra (998 at the source) was 998 here and is 117 now` */
const changesIn = (found: Found, known: Known): string[] =>
  KINDS.flatMap(([kind, of]) =>
    foundIn(found, kind, known[of]).flatMap(([id, { name, to }]) => {
      const was = known[of].get(id);
      if (!was || was.to === to) return [];
      const who = name === null ? `${id}` : `${printable(name)} (${id} at the source)`;
      return [`${kind} ${who} was ${was.to} here and is ${to} now`];
    }),
  );
