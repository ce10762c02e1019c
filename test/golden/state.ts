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
  return lines.map((line) =>
    withoutInodes(line, () => 'INO')
      .replace(/(?<=\t.*\t.*\],)\[[\d,]+\]/, 'NANOSECONDS')
      .replace(/"bytes":\d+,"sum":"[0-9a-f]{16}","file"/, '"bytes":N,"sum":"SUM","file"'),
  );
}
