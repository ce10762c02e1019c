// Settings as people read them: name, value and origin in columns.

import { printable } from '../../errors.js';
import { yamlLine } from '../../files/roots.js';
import type { Shown } from '../../settings/shown.js';

/** What stands beside a name, a value a line. */
function lines({ value, where, whence, unknown = [] }: Shown): { value: string; where: string }[] {
  const values = value === null ? ['-'] : typeof value === 'string' ? [value] : value;
  return [
    ...values.map((one, i) => ({ value: one, where: whence ? whence[i]! : i === 0 ? (where ?? '-') : '' })),
    ...unknown.map((type) => ({
      value: `${type}=?`,
      where: `nothing tells: add ${yamlLine(type, 'DIR')} to the file`,
    })),
  ];
}

const WIDEST_VALUE = 36;

/** Name, value and origin in columns; the further values of a list each on a line below. */
export function table(shown: readonly Shown[]): string[] {
  const rows = shown.map((one) => ({
    name: one.name,
    lines: lines(one).map(({ value, where }) => ({ value: printable(value), where: printable(where) })),
  }));
  const nameWidth = Math.max(...rows.map((row) => row.name.length));
  const valueWidth = Math.min(
    WIDEST_VALUE,
    Math.max(...rows.flatMap((row) => row.lines.map(({ value }) => value.length))),
  );
  return rows.flatMap(({ name, lines }) =>
    lines.map(({ value, where }, i) => {
      const start = `${(i === 0 ? name : '').padEnd(nameWidth)}  `;
      return `${start}${where === '' ? value : `${value.padEnd(valueWidth)}  ${where}`}\n`;
    }),
  );
}
