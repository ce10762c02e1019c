// A state directory as it lies there: every file with its mode and what it holds, without what differs from run to run.

import { existsSync, lstatSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { folded, type Names, withoutInodes, withoutSum } from './names.js';

export function stateLines(dir: string, { plain }: Names): string[] {
  if (!existsSync(dir)) return [`${plain(dir)}: not there`];
  return ['', ...readdirSync(dir, { recursive: true, encoding: 'utf8' }).sort()].flatMap((name) => {
    const path = join(dir, name);
    const stat = lstatSync(path);
    const mode = (stat.mode & 0o7777).toString(8).padStart(4, '0');
    const [kind, told] = stat.isDirectory() ? ['d', []] : stat.isFile() ? ['-', contentLines(path)] : ['?', []];
    return [
      `${kind} ${mode} ${plain(path)}`,
      ...told.flatMap((line) => folded(plain(line))).map((line) => `    ${line}`.trimEnd()),
    ];
  });
}

function contentLines(path: string): string[] {
  const text = readFileSync(path, 'utf8');
  const torn = text === '' || text.endsWith('\n') ? [] : ['(no newline)'];
  const lines = [...text.replace(/\n$/, '').split('\n'), ...torn];
  if (path.endsWith('journal.jsonl')) return lines.map(withoutSum);
  if (path.endsWith('evidence.jsonl'))
    return lines
      .filter((line) => !BLIND.test(line))
      .map(withoutSum)
      .map(withoutHost);
  if (/ledger(\.new)?\.jsonl$/.test(path))
    return lines.filter((line) => !line.startsWith('["seal"')).map(withoutStates);
  return lines.map((line) =>
    withoutInodes(line, () => 'INO')
      .replace(/(?<=\t.*\t.*\],)\[[\d,]+\]/, 'NANOSECONDS')
      .replace(/"bytes":\d+,"sum":"[0-9a-f]{16}","file"/, '"bytes":N,"sum":"SUM","file"'),
  );
}

/** Which processes cannot be looked into depends on the machine. */
const BLIND = /"type":"warned".*could not look into/;

/** Evidence names the host, and tells how long everything took. */
const withoutHost = (line: string): string =>
  line
    .replace(/"name":"[^"]*","machine":"[^"]*","system":"[^"]*","node":"[^"]*"/, '"name":"HOST","machine":"MACHINE"')
    .replace(/"times":\{[^}]*\}/, '"times":TIMES')
    .replace(/,"series":\[(\[[^\]]*\],?)*\]/, '');

/**
 * What is known of a file depends on how old it was when it was read, to the second: whether it was only received, and the state of either end.
 * So does which blocks are sealed.
 */
const withoutStates = (line: string): string =>
  line
    .replace(/"(\d+ -?\d+) \d+ -?\d+ (?:=|~\d+|-?\d+) \d+ -?\d+(?: \d+)?"/g, '"$1 STATE"')
    .replace(/"[rdc]\d{13}"/g, '"PROVED"')
    .replace(/\{"files":(\d+),"read"[^}]*\}/, '{"files":$1,…}')
    .replace(/"[0-9a-f]{16}"/g, '"SUM"')
    .replace(/(?<=^\["end",.*\}),[\d,]+/, ',PLACES,');
