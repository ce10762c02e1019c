// What a run does about owners: whether they are set and compared at all, whom each is taken for, and what is said of it. Changes nothing.

import { tmpdir } from 'node:os';
import { LmError, printable } from '../errors.js';
import type { Emit } from '../events.js';
import { FIRST_FEW } from '../files/entry.js';
import { createAccountNames } from '../owners/account-names.js';
import { openChownTrial } from '../owners/chown-trial.js';
import { isNumeric, nameRules, type OwnerRule, ownerRuleText } from '../owners/owner-rules.js';
import type { OwnersReport } from '../report.js';
import { OwnerMap, type Refused } from '../sides/owner-map.js';
import { resolveRules } from '../sides/owner-rules.js';
import type { Source } from '../source/source.js';

export interface Owners {
  /** Whether they are set and compared. */
  readonly areSet: boolean;
  /** A map for one listing, from the accounts as they are now; undefined where numbers are taken as they are. */
  begin: (() => OwnerMap) | undefined;
  /** Whether numbers are taken as they are by the operator's word. */
  readonly numeric: boolean;
  /** What a listing came to, said when it is not what was said before. One that is not whole says nothing of rules without use. */
  tell(map: OwnerMap | undefined, source: Telling, isWhole: boolean): void;
  /** Undefined where there is nothing to say. */
  report(map: OwnerMap | undefined, source: Telling): OwnersReport | undefined;
  close(): void;
}

type Telling = Pick<Source, 'tells'>;

export interface OwnersOptions {
  rules: readonly OwnerRule[];
  /** A directory for temporary files, which is there. */
  spool: string;
  emit: Emit;
}

/** Where every file system keeps owners, should the others not. */
const ON_MEMORY = '/dev/shm';

/** Throws `usage` for a rule that names nobody. */
export async function openOwners({ rules, spool, emit }: OwnersOptions): Promise<Owners> {
  const resolved = await resolveRules(nameRules(rules), createAccountNames());
  const trial = openChownTrial([spool, tmpdir(), ON_MEMORY]);
  const numeric = isNumeric(rules);
  const said = new Set<string>();
  const once = (text: string, event: Parameters<Emit>[0]): void => {
    if (said.has(text)) return;
    said.add(text);
    emit(event);
  };
  const warn = (text: string): void => once(text, { type: 'warning', text });

  function notByName(map: OwnerMap | undefined): OwnersReport['notByName'] {
    if (!trial.may) return 'may-not-set';
    if (numeric) return 'numeric';
    return map?.tellsNames === false ? 'not-told' : undefined;
  }

  function report(map: OwnerMap | undefined, { tells }: Telling): OwnersReport | undefined {
    if (!tells.owners) return undefined;
    const not = notByName(map);
    const [users, groups] = [map?.mapped('user') ?? [], map?.mapped('group') ?? []];
    if (not === undefined && users.length + groups.length === 0) return undefined;
    const more = [users, groups].reduce((sum, all) => sum + Math.max(0, all.length - MAX_REPORTED), 0);
    return {
      ...(not !== undefined && { notByName: not }),
      users: users.slice(0, MAX_REPORTED),
      groups: groups.slice(0, MAX_REPORTED),
      ...(more > 0 && { more }),
    };
  }

  return {
    areSet: trial.may,
    numeric,
    begin:
      trial.may && !numeric
        ? () => new OwnerMap({ rules: resolved, accounts: createAccountNames(), isGivable: trial.takes })
        : undefined,
    tell(map, source, isWhole) {
      for (const text of map?.troubles ?? []) warn(text);
      const owners = report(map, source);
      if (owners) once(JSON.stringify(owners), { type: 'owners', ...owners });
      const idle = (isWhole ? map?.unmatched() : undefined)?.map(({ rule }) => printable(ownerRuleText(rule))) ?? [];
      if (idle.length > 0) warn(`--owner ${idle.join(', ')}: the source has nobody of that name`);
    },
    report,
    close: () => trial.close(),
  };
}

const MAX_REPORTED = 1_000;

/** Undefined where none was met; all of them in one, so that one run shows what is to be said. */
export function refusedOwners(map: OwnerMap | undefined): LmError | undefined {
  const refused = map?.refused() ?? [];
  const [first] = refused;
  if (!first) return undefined;
  const lines = refused.slice(0, FIRST_FEW).map((one) => `${ownerText(one)} ${one.why}`);
  const more = refused.length - lines.length;
  const which = refused.length === 1 ? 'an owner' : 'owners';
  return new LmError('refused', `${which} at the source cannot be mapped to this host`, {
    details: [...lines, ...(more > 0 ? [`and ${more} more`] : [])],
    hint: `make the account here, or say who it is: --owner ${printable(flagFor(first))}=NAME or =NUMBER (--owner numeric takes every number as it is)`,
  });
}

const ownerText = ({ kind, id, name }: Refused): string =>
  name === null ? `${kind} ${id}` : `${kind} ${printable(name)} (${id})`;

const flagFor = ({ name, id }: Refused): string => name ?? `${id}`;
