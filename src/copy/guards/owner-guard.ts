// Checks that each owner at the source can be mapped to an account here, and to the same account as in earlier copies; reports what has
// changed, and records the mapping.

import { isDeepStrictEqual } from 'node:util';
import { formatEntries } from '../../amounts.js';
import { printable } from '../../errors.js';
import type { Emit } from '../../events.js';
import type { Objection } from '../../migration/guards/objections.js';
import { type Owners, refusedOwners } from '../../migration/owners.js';
import type { AccountKind } from '../../owners/owner-rules.js';
import type { MappedOwner, OwnersReport } from '../../report/parts.js';
import type { OwnerMap } from '../../sides/owner-map.js';
import type { Source } from '../../source/source.js';
import { type OwnersRecord, readOwners, recordOwners } from '../../state/owners.js';
import type { Survey } from '../survey-types.js';

export interface OwnerGuard {
  /** Whether owners are set here; then this process may also take over a file whose mode it has to set. */
  readonly areSet: boolean;
  /** Called before anything is changed. Throws `refused`, which names all owners at once. */
  judge(survey: Pick<Survey, 'owners' | 'plan' | 'header' | 'totals'>): void;
  /** Called once no guard has refused: a copy that is refused changes no owner, and the next one has to report it again. */
  record(survey: Pick<Survey, 'owners'>): void;
  /** The report of the last survey that was judged; undefined when there is nothing to report. */
  report(): OwnersReport | undefined;
}

interface OwnerGuardOptions {
  source: Pick<Source, 'capabilities'>;
  /** The directory of the instance. */
  dir: string;
  owners: Owners;
  emit: Emit;
  object: Objection;
}

/** Accounts by kind and by number at the source. */
type KnownOwners = Record<'users' | 'groups', Map<number, MappedOwner>>;

const KINDS = [
  ['user', 'users'],
  ['group', 'groups'],
] as const satisfies [AccountKind, keyof OwnersRecord][];

export function createOwnerGuard({ source, dir, owners, emit, object }: OwnerGuardOptions): OwnerGuard {
  let recorded: OwnersRecord = readOwners(dir) ?? { users: [], groups: [] };
  let last: OwnersReport | undefined;
  let changed: OwnersReport['changed'];
  let warned: string[] = [];

  const foundBy = (map: OwnerMap | undefined): Found => map ?? (owners.numeric ? 'numeric' : undefined);

  function warnChanged(map: OwnerMap | undefined, entries: number): void {
    const others = changesIn(foundBy(map), knownIn(recorded));
    if (others.length === 0 || isDeepStrictEqual(others, warned)) return;
    warned = others;
    changed = { owners: others.slice(0, MAX_NAMED), entries };
    const text = `owners are mapped to other accounts than in the last copy: ${formatEntries(entries)} here will get another owner`;
    emit({ type: 'warning', text, details: changed.owners });
  }

  return {
    areSet: owners.areSet,
    judge({ owners: map, plan, header, totals }) {
      const refused = refusedOwners(map);
      if (refused) object(refused);
      owners.emitReport(map, source, header.only === undefined && totals.errors === 0);
      warnChanged(map, plan.counts.otherOwner);
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

const MAX_NAMED = 100;

const knownIn = (record: OwnersRecord): KnownOwners => ({
  users: new Map(record.users.map((one) => [one.id, one])),
  groups: new Map(record.groups.map((one) => [one.id, one])),
});

/** The mapping of one survey: by name, or each number as it is. */
type Found = OwnerMap | 'numeric' | undefined;

/** Keeps owners that this survey has not met: a part of the source does not show all of them. */
function merged(found: Found, known: KnownOwners): OwnersRecord {
  const all = (kind: AccountKind, of: keyof KnownOwners): MappedOwner[] =>
    [...new Map([...known[of], ...foundIn(found, kind, known[of])]).values()].sort((a, b) => a.id - b.id);
  return { users: all('user', 'users'), groups: all('group', 'groups') };
}

function foundIn(found: Found, kind: AccountKind, known: KnownOwners[keyof KnownOwners]): [number, MappedOwner][] {
  if (found === undefined) return [];
  if (found !== 'numeric') return found.mapped(kind).map((one) => [one.id, one]);
  return [...known].map(([id, one]) => [id, { ...one, to: id, by: 'number' }]);
}

/** `user cassandra (998 at the source) was 998 here and is 117 now` */
const changesIn = (found: Found, known: KnownOwners): string[] =>
  KINDS.flatMap(([kind, of]) =>
    foundIn(found, kind, known[of]).flatMap(([id, { name, to }]) => {
      const was = known[of].get(id);
      if (!was || was.to === to) return [];
      const who = name === null ? `${id}` : `${printable(name)} (${id} at the source)`;
      return [`${kind} ${who} was ${was.to} here and is ${to} now`];
    }),
  );
