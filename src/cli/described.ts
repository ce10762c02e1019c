// Describes the commands as plain data, for completion and the manual page: read from what commander parses by, and the table of options.

import type { Command, Option } from 'commander';
import { OPTION_NAMES, optionOf } from '../settings/options.js';
import type { Completes } from '../settings/types.js';
import { ARGUMENT_HELP, COMMAND_HELP, type CommandHelp, PRINTED_HELP, PROGRAM_HELP, SHELLS } from './command-table.js';

export interface DescribedOption {
  /** `--algo`. */
  long: string;
  /** `-h`. */
  short: string | undefined;
  /** '' for a switch, and for what may be given as one. */
  metavar: string;
  /** Of what may be given as a switch, and may have a value. */
  optional?: string;
  help: string;
  isList: boolean;
  completes: Completes;
}

export interface DescribedArgument {
  /** `DIR`. */
  name: string;
  /** `[DIR]`, `<SHELL>`. */
  term: string;
  help: string;
  completes: Completes;
}

export interface DescribedCommand {
  /** `config show`; '' for lm itself. */
  name: string;
  summary: string;
  args: DescribedArgument[];
  options: DescribedOption[];
  /** Its subcommands. */
  commands: DescribedCommand[];
  /** None for `lm help`. */
  words: Pick<CommandHelp, 'examples' | 'exits'> | undefined;
}

/** A command of the parser's, with all below it. `path` are the words that name it, `siblings` the commands beside it. */
export function describe(
  command: Command,
  path: readonly string[] = [],
  siblings: readonly string[] = [],
): DescribedCommand {
  const help = command.createHelp();
  const commands = help.visibleCommands(command);
  const names = commands.map((one) => one.name());
  return {
    name: path.join(' '),
    summary: command.description(),
    args: command.registeredArguments.map((argument) => ({
      name: argument.name(),
      term: argument.required ? `<${argument.name()}>` : `[${argument.name()}]`,
      help: argument.description,
      completes: argumentOf(argument.name(), siblings),
    })),
    options: help.visibleOptions(command).map(describeOption),
    commands: commands.map((one) => describe(one, [...path, one.name()], names)),
    words: wordsOf(path.join(' ')),
  };
}

function wordsOf(name: string): DescribedCommand['words'] {
  if (name === '') return PROGRAM_HELP.lm;
  return { ...COMMAND_HELP, ...PRINTED_HELP, config: PROGRAM_HELP.config }[name as keyof typeof COMMAND_HELP];
}

function argumentOf(name: string, siblings: readonly string[]): Completes {
  if (name === 'SHELL') return { words: SHELLS };
  if (name === 'RATE') return { words: ['off', 'default'] };
  if (name in ARGUMENT_HELP) return { path: 'directory' }; // also where a URL may come first, because it may be left out
  return { words: siblings.filter((one) => one !== 'help') };
}

function describeOption({ long, short, flags, description }: Option): DescribedOption {
  const known = OPTION_NAMES.find((name) => `--${name}` === long);
  const { type, list } = known === undefined ? { type: undefined, list: undefined } : optionOf(known);
  return {
    long: long!,
    short,
    metavar: /<(.*)>$/.exec(flags)?.[1] ?? '',
    ...(type?.bare !== undefined && { optional: type.metavar }),
    help: description,
    isList: list === true,
    completes: type?.completes ?? {},
  };
}

/** `command` and all below it. */
export const flatten = (command: DescribedCommand): DescribedCommand[] => [
  command,
  ...command.commands.flatMap(flatten),
];
