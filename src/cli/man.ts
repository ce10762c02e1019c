// Writes the manual page, lm(1), of the same words as `--help`.

import { EXIT, EXIT_MEANING, type ExitName } from '../exit-codes.js';
import { type DescribedArgument, type DescribedCommand, type DescribedOption, flatten } from './described.js';

/** In roff, of the macros man(7). It has no date, so that the same program makes the same page. */
export function manualPage(program: DescribedCommand, version: string): string {
  const common = new Set(program.options.map(({ long }) => long));
  const commands = flatten(program).filter(({ name, commands }) => name !== '' && commands.length === 0);
  const [summary = ''] = /^.*?(?=\.?$)/.exec(program.summary) ?? [];
  return [
    `.TH LM 1 "" "lm ${version}" "User Commands"`,
    ...section('NAME', `lm \\- ${text(summary[0]!.toLowerCase() + summary.slice(1))}`),
    ...section('SYNOPSIS', '.B lm', '.I COMMAND', `[${italic('ARGUMENT')} ...] [${italic('OPTION')} ...]`),
    ...section(
      'DESCRIPTION',
      text(program.summary),
      'The options of a command are listed below it, those of all commands after them.',
    ),
    '.SH COMMANDS',
    ...commands.flatMap((command) => commandLines(command, common)),
    '.SH COMMON OPTIONS',
    ...program.options.flatMap(optionLines),
    '.SH EXIT STATUS',
    ...(Object.keys(EXIT) as ExitName[]).flatMap((name) => ['.TP', bold(`${EXIT[name]}`), text(EXIT_MEANING[name])]),
    ...section('ENVIRONMENT', ENVIRONMENT),
    '.SH EXAMPLES',
    '.nf',
    ...program.words!.examples.map(text),
    '.fi',
    '',
  ].join('\n');
}

const ENVIRONMENT =
  'A variable states what an option of the same name does: LM_MAX_DELETE is \\-\\-max\\-delete. An option goes before its variable.';

const section = (name: string, ...lines: string[]): string[] => [`.SH ${name}`, ...lines];

function commandLines(
  { name, summary, args, options, words }: DescribedCommand,
  common: ReadonlySet<string>,
): string[] {
  const own = options.filter(({ long }) => !common.has(long));
  const codes = words && [...new Set(words.exits.map((exit) => EXIT[exit]))].join(', ');
  return [
    `.SS ${bold(`lm ${name}`)}${args.map((argument) => ` ${argumentTerm(argument)}`).join('')}`,
    text(`${summary[0]!.toUpperCase()}${summary.slice(1)}.${codes ? ` Its exit codes: ${codes}.` : ''}`),
    ...args.flatMap(({ name, help }) => (help === '' ? [] : ['.TP', italic(name), text(help)])),
    ...own.flatMap(optionLines),
    ...(words?.examples ?? []).flatMap((line, i) => [i === 0 ? '.PP\n.nf' : '', text(line)].filter(Boolean)),
    ...(words && words.examples.length > 0 ? ['.fi'] : []),
  ];
}

const argumentTerm = ({ term, name }: DescribedArgument): string => term.replace(name, italic(name));

const optionLines = ({ long, short, metavar, optional, help }: DescribedOption): string[] => [
  '.TP',
  `${short ? `${bold(short)}, ` : ''}${bold(long)}${metavar === '' ? '' : ` ${italic(metavar)}`}${optional === undefined ? '' : ` [${italic(optional)}]`}`,
  text(help),
];

const bold = (words: string): string => `\\fB${escaped(words)}\\fR`;
const italic = (words: string): string => `\\fI${escaped(words)}\\fR`;

/** A hyphen that is typed must stay one when it is copied from the page. */
const escaped = (words: string): string => words.replaceAll('\\', '\\e').replaceAll('-', '\\-');

/** A line of its own: a full stop or a quote at its start would make it a request. */
const text = (words: string): string => escaped(words).replace(/^(?=[.'])/, '\\&');
