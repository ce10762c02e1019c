// Formats settings for people: name, value and origin in columns.

import { printable } from '../../errors.js';
import { yamlLine } from '../../files/roots.js';
import { columns } from '../../render/columns.js';
import type { Shown } from '../../settings/shown.js';

/** The lines beside a name, one per value. */
function lines({ value, where, whence, unknown = [] }: Shown): { value: string; where: string }[] {
  const values = value === null ? ['-'] : typeof value === 'string' ? [value] : value;
  return [
    ...values.map((one, i) => ({ value: one, where: whence ? whence[i]! : i === 0 ? (where ?? '-') : '' })),
    ...unknown.map((type) => ({
      value: `${type}=?`,
      where: `unknown: add ${yamlLine(type, 'DIR')} to the file`,
    })),
  ];
}

const MAX_WIDTH = 36;

/** Each further value of a list is on a line of its own below the first. */
export function table(shown: readonly Shown[]): string[] {
  const rows = shown.flatMap((one) =>
    lines(one).map(({ value, where }, i) => [i === 0 ? one.name : '', printable(value), printable(where)]),
  );
  return columns(rows, { maxWidth: MAX_WIDTH }).map((line) => `${line}\n`);
}
