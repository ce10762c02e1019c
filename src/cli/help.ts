// Formats `--help`, so that it is readable on a narrow terminal too, and appends examples and exit codes.

import type { Help } from 'commander';
import { EXIT, EXIT_MEANING } from '../exit-codes.js';
import type { CommandHelp } from './command-table.js';

type Words = Pick<CommandHelp, 'examples' | 'exits' | 'means'>;

const MAX_TERM = 26;
const NARROW = 60;

/** Commander's own layout leaves too little room beside a long flag; here such a flag gets a line of its own. */
export function formatItem(term: string, termWidth: number, description: string, helper: Help): string {
  const width = helper.helpWidth ?? 80;
  const column = width < NARROW ? 6 : Math.min(termWidth, MAX_TERM) + 4;
  return item(`  ${term}`, column, wrap(description, width - column));
}

/** Examples and exit codes, for the end of a command's help. */
export function afterHelp({ examples, exits, means }: Words, width: number): string {
  const codes = exits.map((name) => item(`  ${EXIT[name]}`, 7, wrap(means?.[name] ?? EXIT_MEANING[name], width - 7)));
  const commands = examples.map((example) => `  ${wrap(example, width - 6).join(' \\\n    ')}`);
  return ['', 'Examples:', ...commands, '', 'Exit codes:', ...codes].join('\n');
}

function item(term: string, column: number, lines: readonly string[]): string {
  const indent = ' '.repeat(column);
  const head = term.length + 2 <= column ? term.padEnd(column) : `${term}\n${indent}`;
  return head + lines.join(`\n${indent}`);
}

/** Breaks a text into lines of at most `width` columns; a longer word gets a line of its own. */
function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  for (const word of text.split(' ')) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + 1 + word.length <= width) lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  return lines;
}
