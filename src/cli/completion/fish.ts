// Writes the completion script of fish.

import { type DescribedCommand, type DescribedOption, flatten } from '../described.js';

export function fishScript(program: DescribedCommand): string {
  const commands = flatten(program);
  const withValue = commands.flatMap(({ options }) => options).filter(({ metavar }) => metavar !== '');
  const named = commands.filter(({ name }) => name !== '');
  return [
    '# Completes lm in fish. Written by: lm completion fish',
    '',
    '# The command on the line, of those that are before the cursor; "" before there is one.',
    'function __lm_command',
    '    set -l command ""',
    '    set -l is_value no',
    '    for word in (commandline -opc)[2..]',
    '        if test $is_value = yes',
    '            set is_value no',
    `        else if contains -- $word ${[...new Set(withValue.map(({ long }) => long))].join(' ')}`,
    '            set is_value yes',
    `        else if contains -- (string trim -- "$command $word") ${named.map(({ name }) => quoted(name)).join(' ')}`,
    '            set command (string trim -- "$command $word")',
    '        end',
    '    end',
    '    echo $command',
    'end',
    '',
    '# Whether the command on the line is one of these.',
    'function __lm_is',
    '    contains -- (__lm_command) $argv',
    'end',
    '',
    '# The value that is being typed.',
    'function __lm_value',
    "    commandline -ct | string replace -r -- '^--[^=]*=' ''",
    'end',
    '',
    '# WORD=PATH: paths by $argv[1] after one of the other words.',
    'function __lm_typed_path',
    '    set -l parts (string split -m 1 = -- (__lm_value))',
    '    if test (count $parts) -lt 2',
    '        printf "%s=\\n" $argv[2..]',
    '    else',
    '        printf "%s\\n" $parts[1]=($argv[1] $parts[2])',
    '    end',
    'end',
    '',
    'complete -c lm -f',
    ...commands.flatMap((command) => [...command.commands.map(subcommandLine), ...argumentLines(command)]),
    ...optionLines(commands),
    '',
  ].join('\n');
}

const condition = (names: readonly string[]): string => `-n ${quoted(`__lm_is ${names.map(quoted).join(' ')}`)}`;

function subcommandLine({ name, summary }: DescribedCommand): string {
  const words = name.split(' ');
  return `complete -c lm ${condition([words.slice(0, -1).join(' ')])} -a ${words.at(-1)} -d ${quoted(summary)}`;
}

const argumentLines = ({ name, args }: DescribedCommand): string[] =>
  [...new Set(args.map(({ completes }) => action(completes)))].map(
    (what) => `complete -c lm ${condition([name])} ${what}`,
  );

/** One line for an option that several commands have with the same words. */
function optionLines(commands: readonly DescribedCommand[]): string[] {
  const byOption = new Map<string, string[]>();
  for (const { name, options } of commands)
    for (const option of options) {
      const line = optionText(option);
      byOption.set(line, [...(byOption.get(line) ?? []), name]);
    }
  return [...byOption].map(([line, names]) => `complete -c lm ${condition(names)} ${line}`);
}

function optionText({ long, short, metavar, help, completes }: DescribedOption): string {
  const flags = `${short ? `-s ${short.slice(1)} ` : ''}-l ${long.slice(2)}`;
  const value = metavar === '' ? '' : ` -r ${action(completes) || '-f'}`;
  return `${flags}${value} -d ${quoted(help)}`;
}

/** What is offered; '' where a value is anybody's guess. */
function action({ words, path }: DescribedOption['completes']): string {
  const paths = path === 'directory' ? '__fish_complete_directories' : '__fish_complete_path';
  if (words && path) return `-f -a ${quoted(`(__lm_typed_path ${paths} ${words.join(' ')})`)}`;
  if (words) return `-f -a ${quoted(words.join(' '))}`;
  if (path === 'directory') return `-f -a ${quoted(`(${paths} (__lm_value))`)}`;
  return path ? '-F' : '';
}

const quoted = (text: string): string => `'${text.replaceAll(/['\\]/g, '\\$&')}'`;
