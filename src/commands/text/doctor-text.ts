// Formats the findings of `lm doctor` as lines for people, no wider than their terminal.

import { formatCount } from '../../amounts.js';
import { type Finding, SEVERITIES } from '../../doctor/finding.js';

interface Layout {
  /** With the details of what is all right too. */
  verbose: boolean;
  /** Columns of the terminal; undefined: lines are not broken. */
  width: number | undefined;
}

/** As wide as the longest severity, and a space. */
const SEVERITY_WIDTH = Math.max(...SEVERITIES.map(({ length }) => length)) + 1;
const INDENT = '  ';

/** `warning clock: the source's clock is 75 s ahead`, then its details, and what to do about it. */
export function findingLines({ code, severity, says, todo, details = [] }: Finding, layout: Layout): string[] {
  const shown = severity === 'ok' && code !== 'forecast' && !layout.verbose ? [] : details;
  return [
    ...wrapped(`${severity.padEnd(SEVERITY_WIDTH)}${code}: ${says}`, layout.width),
    ...shown.flatMap((line) => wrapped(`${INDENT}${line}`, layout.width)),
    ...(todo === undefined ? [] : wrapped(`${INDENT}to do: ${todo}`, layout.width)),
  ];
}

/** `1 error, 2 warnings, 1 note: exit code 6, a guard refused` */
export function endLine(findings: readonly Finding[], exitCode: number, meaning: string): string {
  const count = (severity: Finding['severity']): number => findings.filter((one) => one.severity === severity).length;
  const counts = [
    formatCount(count('error'), 'error'),
    formatCount(count('warning'), 'warning'),
    formatCount(count('note'), 'note'),
  ].join(', ');
  return exitCode === 0 ? counts : `${counts}: exit code ${exitCode}, ${meaning}`;
}

/** Breaks a line between words; what follows is indented once more. A word that is wider than a line stays whole, so that it can be copied. */
function wrapped(text: string, width = Number.POSITIVE_INFINITY): string[] {
  const [, indent = '', rest = ''] = /^( *)(.*)$/s.exec(text) ?? [];
  const lines: string[] = [];
  let line = indent;
  for (const word of rest.split(/(?<=\S)(?= )/)) {
    const isFirst = line.trim() === '';
    if (!isFirst && line.length + word.length > width) {
      lines.push(line);
      line = `${indent}${INDENT}${word.trimStart()}`;
    } else line += isFirst ? word.trimStart() : word;
  }
  return [...lines, line];
}
