// Decides for a run whether owners are set and compared, maps them to accounts here, and reports that.

import { tmpdir } from 'node:os';
import { LmError, printable } from '../errors.js';
import type { Emit } from '../events.js';
import { FIRST_FEW } from '../files/listing.js';
import { createAccountNames } from '../owners/account-names.js';
import { openChownTrial } from '../owners/chown-trial.js';
import { isNumeric, nameRules, type OwnerRule, ownerRuleText } from '../owners/owner-rules.js';
import type { OwnersReport } from '../report/parts.js';
import { OwnerMap, type Refused } from '../sides/owner-map.js';
import { resolveRules } from '../sides/owner-rules.js';
import type { Source } from '../source/source.js';

export interface Owners {
  /** Whether owners are set and compared. */
  readonly areSet: boolean;
  /** Makes the map for one listing, from the accounts as they are now; undefined where numbers are taken as they are. */
  begin: (() => OwnerMap) | undefined;
  /** Whether the operator wants numbers taken as they are. */
  readonly numeric: boolean;
  /** Emits the report of a listing, unless it is the same as before. Only a whole listing shows which rules are unused. */
  emitReport(map: OwnerMap | undefined, source: OwnersSource, isWhole: boolean): void;
  /** Undefined when there is nothing to report. */
  report(map: OwnerMap | undefined, source: OwnersSource): OwnersReport | undefined;
  close(): void;
}

type OwnersSource = Pick<Source, 'capabilities'>;

interface OwnersOptions {
  rules: readonly OwnerRule[];
  /** An existing directory for temporary files. */
  spool: string;
  emit: Emit;
}

/** A directory whose file system keeps owners, in case the others do not. */
const ON_MEMORY = '/dev/shm';

/** Throws `usage` for a rule that names no account here. */
export async function openOwners({ rules, spool, emit }: OwnersOptions): Promise<Owners> {
  const resolved = await resolveRules(nameRules(rules), createAccountNames());
  const trial = openChownTrial([spool, tmpdir(), ON_MEMORY]);
  const numeric = isNumeric(rules);
  const emitted = new Set<string>();
  const once = (text: string, event: Parameters<Emit>[0]): void => {
    if (emitted.has(text)) return;
    emitted.add(text);
    emit(event);
  };
  const warnOnce = (text: string): void => once(text, { type: 'warning', text });

  function notByName(map: OwnerMap | undefined): OwnersReport['notByName'] {
    if (!trial.canGiveAway) return 'may-not-set';
    if (numeric) return 'numeric';
    return map?.hasNames === false ? 'not-told' : undefined;
  }

  function report(map: OwnerMap | undefined, { capabilities }: OwnersSource): OwnersReport | undefined {
    if (!capabilities.owners) return undefined;
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
    areSet: trial.canGiveAway,
    numeric,
    begin:
      trial.canGiveAway && !numeric
        ? () => new OwnerMap({ rules: resolved, accounts: createAccountNames(), canGiveTo: trial.canGiveTo })
        : undefined,
    emitReport(map, source, isWhole) {
      for (const text of map?.problems ?? []) warnOnce(text);
      const owners = report(map, source);
      if (owners) once(JSON.stringify(owners), { type: 'owners', ...owners });
      const unused = (isWhole ? map?.unmatched() : undefined)?.map(({ rule }) => printable(ownerRuleText(rule))) ?? [];
      if (unused.length > 0) warnOnce(`--owner ${unused.join(', ')}: the source has nobody of that name`);
    },
    report,
    close: () => trial.close(),
  };
}

const MAX_REPORTED = 1_000;

/** One refusal for all owners that cannot be mapped, so that one run shows all; undefined when there is none. */
export function refusedOwners(map: OwnerMap | undefined): LmError | undefined {
  const refused = map?.refused() ?? [];
  const [first] = refused;
  if (!first) return undefined;
  const lines = refused.slice(0, FIRST_FEW).map((one) => `${ownerText(one)} ${one.why}`);
  const more = refused.length - lines.length;
  const which = refused.length === 1 ? 'an owner' : 'owners';
  return new LmError('owner-map', `${which} at the source cannot be mapped to this host`, {
    details: [...lines, ...(more > 0 ? [`and ${more} more`] : [])],
    hint: `make the account here, or say who it is: --owner ${printable(flagFor(first))}=NAME or =NUMBER (--owner numeric takes every number as it is)`,
  });
}

const ownerText = ({ kind, id, name }: Refused): string =>
  name === null ? `${kind} ${id}` : `${kind} ${printable(name)} (${id})`;

const flagFor = ({ name, id }: Refused): string => name ?? `${id}`;
