// Formats how the source's owners were mapped as lines for people, for the start of a run and for its summary.

import { formatEntries } from '../../amounts.js';
import { printable } from '../../errors.js';
import type { MappedOwner, OwnersReport } from '../../report/parts.js';

const NOT_BY_NAME: Record<NonNullable<OwnersReport['notByName']>, string> = {
  'may-not-set': 'neither set nor compared: lm may not change owners here (root, or CAP_CHOWN, may)',
  numeric: 'by number, whatever their names (--owner numeric)',
  'not-told': 'by number: the source is an older lm, which does not send their names',
};

export function ownersTexts({ notByName, users, groups, more = 0, changed }: OwnersReport): string[] {
  const all = [...users.map((one) => ({ ...one, kind: 'user' })), ...groups.map((one) => ({ ...one, kind: 'group' }))];
  const others = all.filter(({ id, to, by }) => id !== to || by === 'rule');
  const numbers = notByName === undefined ? all.filter((one) => one.by === 'number') : [];
  return [
    ...(notByName === undefined ? [] : [NOT_BY_NAME[notByName]]),
    ...(others.length === 0 ? [] : [firstFew(others.map((one) => `${text(one)} is ${one.to} here`))]),
    ...(numbers.length === 0
      ? []
      : [`by number, as nobody here has the name or the number: ${firstFew(numbers.map(text))}`]),
    ...(more === 0 ? [] : [`and ${more} more users and groups`]),
    ...(changed === undefined
      ? []
      : [`${formatEntries(changed.entries)} with another owner than before: ${firstFew(changed.owners)}`]),
  ];
}

export const ownersRows = (owners: OwnersReport | undefined): [string, string][] =>
  owners === undefined ? [] : ownersTexts(owners).map((line): [string, string] => ['owners', line]);

const text = ({ kind, id, name }: MappedOwner & { kind: string }): string =>
  name === null ? `${kind} ${id}` : `${kind} ${printable(name)} (${id})`;

/** `--json` has more. */
const NAMED = 10;

const firstFew = (texts: readonly string[]): string =>
  texts.slice(0, NAMED).join(', ') + (texts.length > NAMED ? `, … (${texts.length})` : '');
