// Parses argv with commander into the command and the text of its options. settings/ parses the values.

import { Command, CommanderError, Option } from 'commander';
import { LmError, printable } from '../errors.js';
import type { Output } from '../io.js';
import {
  COMMANDS,
  type CommandName,
  OPTION_NAMES,
  type OptionName,
  optionOf,
  variableOf,
} from '../settings/options.js';
import type { Invocation } from '../settings/stated.js';
import { choice } from '../settings/types.js';
import { sourceUrl } from '../settings/values/source-url.js';
import { ARGUMENT_HELP, COMMAND_HELP, PRINTED_HELP, PROGRAM_HELP, type PrintingName, SHELLS } from './command-table.js';
import { describe } from './described.js';
import { afterHelp, formatItem } from './help.js';

interface CliIo {
  stdout: Output;
  stderr: Output;
  version: string;
}

/** What `lm completion` and `lm man` print; nothing is to be run. */
export interface Printed {
  text(): Promise<string>;
}

/** An exit code when there is nothing to run: 0 after `--help` and `--version`, 2 without a command. */
export function parseArguments(argv: readonly string[], io: CliIo): Invocation | Printed | number {
  let invocation: Invocation | Printed | undefined;
  const program = build(io, (taken) => {
    invocation = taken;
  });
  try {
    program.parse(withoutHelpOfNothing(program, argv), { from: 'user' });
  } catch (error) {
    if (error instanceof CommanderError) return exitCodeOrThrow(error, argv);
    throw error;
  }
  return invocation!;
}

/** Asked for the help of a command that there is not, commander prints all help, and names no mistake. */
function withoutHelpOfNothing(program: Command, argv: readonly string[]): readonly string[] {
  const words = argv[0] === 'help' ? argv.slice(1) : argv;
  return words[0] === undefined || isCommand(program, words[0]) ? argv : words.slice(0, 1);
}

const isCommand = (program: Command, word: string): boolean =>
  word === 'help' || word.startsWith('-') || program.commands.some((command) => command.name() === word);

/** Longer lines are hard to read on any terminal. */
const MAX_HELP = 100;

function build(io: CliIo, onParsed: (parsed: Invocation | Printed) => void): Command {
  const width = Math.min(io.stdout.columns ?? 80, MAX_HELP);
  const program = new Command('lm')
    .description(
      'Moves data directories to another host while their service keeps running, and proves that nothing was lost.',
    )
    .version(io.version, '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print this help')
    .helpCommand('help [command]', 'print the help of a command')
    .exitOverride()
    .configureHelp({
      formatItem,
      minWidthToWrap: 20,
      subcommandTerm: (command) =>
        [command.name(), ...command.registeredArguments.map((one) => `[${one.name()}]`)].join(' '),
    })
    .configureOutput({
      writeOut: (text) => io.stdout.write(text),
      writeErr: (text) => io.stderr.write(text),
      outputError: () => {}, // main prints all errors in one form
      getOutHelpWidth: () => width,
      getErrHelpWidth: () => width,
      getOutHasColors: () => false,
      getErrHasColors: () => false,
    });
  program.optionsGroup('Common options:');
  addOptions(program, isCommon);
  const config = new Command('config').description('show the settings in force').copyInheritedSettings(program);
  for (const name of COMMANDS) {
    addCommand(name === 'config show' ? config : program, name, width, onParsed);
    if (name === 'config show') program.addCommand(config);
  }
  addPrinting(program, 'completion', width, (word) => onParsed(completionFor(word, program)));
  addPrinting(program, 'man', width, () =>
    onParsed({ text: async () => (await import('./man.js')).manualPage(describe(program), io.version) }),
  );
  program.addHelpText('after', () => afterHelp(PROGRAM_HELP.lm, width));
  config.addHelpText('after', () => afterHelp(PROGRAM_HELP.config, width));
  return program;
}

function addCommand(
  parent: Command,
  name: CommandName,
  width: number,
  onParsed: (invocation: Invocation) => void,
): void {
  const words = COMMAND_HELP[name];
  const command = parent.command(name.split(' ').at(-1)!).description(words.summary);
  for (const argument of ['URL', 'DIR', 'RATE'] as const)
    if (words.args.includes(argument)) command.argument(`[${argument}]`, ARGUMENT_HELP[argument]);
  addOptions(command, (option) => !isCommon(option) && optionOf(option).commands.includes(name));
  command.optionsGroup('Common options:');
  addOptions(command, isCommon);
  command.helpOption('-h, --help', 'print this help');
  command.addHelpText('after', () => afterHelp(words, width));
  command.action(() => {
    const { url, dir, rate } = splitArguments(name, command.args);
    const flags = flagsOf(command.optsWithGlobals());
    onParsed({ command: name, flags: url === undefined ? flags : { ...flags, url }, dir, rate });
  });
}

function addPrinting(program: Command, name: PrintingName, width: number, print: (word: string) => void): void {
  const { summary, args, ...words } = PRINTED_HELP[name];
  const command = program.command(name).description(summary).helpOption('-h, --help', 'print this help');
  if (args !== '') command.argument(args, ARGUMENT_HELP.SHELL);
  command.addHelpText('after', () => afterHelp(words, width));
  command.action(() => print(command.args[0] ?? ''));
}

const shell = choice(...SHELLS);

function completionFor(word: string, program: Command): Printed {
  const name = shell.parse(word, '');
  if (name !== undefined)
    return { text: async () => (await import('./completion/scripts.js')).SCRIPTS[name](describe(program)) };
  const guess = shell.suggest!(word);
  throw new LmError('usage', `completion: got '${printable(word)}', takes ${shell.takes}`, {
    hint: guess ? `did you mean ${guess}?` : 'see lm completion --help',
  });
}

const isCommon = (name: OptionName): boolean => optionOf(name).commands.length === COMMANDS.length;

/** Common options may come before the command too (`lm --json status`), so they are added to the program as well. */
function addOptions(command: Command, isWanted: (name: OptionName) => boolean): void {
  for (const name of OPTION_NAMES)
    if (optionOf(name).given === undefined && isWanted(name)) command.addOption(flagOf(name));
}

/** The default is in the description only: commander must return only options that were typed. */
function flagOf(name: OptionName): Option {
  const { type, help, list, default: value } = optionOf(name);
  const description = value === undefined ? help : `${help} (default: ${value})`;
  const taken = type.bare === undefined ? `<${type.metavar}>` : `[${type.metavar}]`;
  const option = new Option(type.metavar === '' ? `--${name}` : `--${name} ${taken}`, description);
  return list ? option.argParser((word: string, before: string[] = []) => [...before, word]) : option;
}

function flagsOf(values: Record<string, unknown>): Invocation['flags'] {
  const flags: Invocation['flags'] = {};
  for (const name of OPTION_NAMES) {
    const value = values[new Option(`--${name}`).attributeName()];
    if (value !== undefined && variableOf(name) !== undefined) flags[name] = value as string | string[] | true;
  }
  return flags;
}

/** A single argument where two are possible is the URL if it looks like one, else the directory. */
function splitArguments(name: CommandName, args: readonly string[]): { url?: string; dir?: string; rate?: string } {
  const [first, second] = args;
  if (first === undefined) return {};
  if (COMMAND_HELP[name].args === '[RATE]') return { rate: first };
  if (!COMMAND_HELP[name].args.startsWith('[URL]')) return { dir: first };
  if (second !== undefined) return { url: first, dir: second };
  const looksLikeHost = /^[\w.-]+:\d+$/.test(first) && sourceUrl.suggest?.(first) !== undefined;
  return first.includes('://') || looksLikeHost ? { url: first } : { dir: first };
}

/** Turns commander's "error: unknown option '--treshold'\n(Did you mean --threshold?)" into an LmError with a hint. */
function exitCodeOrThrow(error: CommanderError, argv: readonly string[]): number {
  if (error.code === 'commander.helpDisplayed' || error.code === 'commander.version') return 0;
  if (error.code === 'commander.help') return error.exitCode === 0 ? 0 : 2;
  const [first = '', second] = error.message.replace(/^error: /, '').split('\n');
  const names = [...COMMANDS, ...Object.keys(PRINTED_HELP)];
  const command = names.find((name) => name.split(' ').every((word) => argv.includes(word))) ?? '';
  const guess = /^\(Did you mean (.*)\?\)$/.exec(second ?? '')?.[1];
  throw new LmError('command-line', printable(first.replace(/\.$/, '')), {
    hint: guess ? `did you mean ${guess}?` : `see ${['lm', command, '--help'].filter(Boolean).join(' ')}`,
  });
}
