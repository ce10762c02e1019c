// Writes the completion script of zsh, as a file `_lm` in its fpath or to be read after compinit.

import type { DescribedArgument, DescribedCommand, DescribedOption } from '../described.js';

export function zshScript(program: DescribedCommand): string {
  return [
    '#compdef lm',
    '# Completes lm in zsh. Written by: lm completion zsh',
    '',
    ...functions(program, '_lm'),
    TYPED_PATH,
    '',
    '# Loaded by compinit it is called at once; read by hand it is only registered.',
    'if [[ $funcstack[1] == _lm ]]; then',
    '  _lm "$@"',
    'else',
    '  compdef _lm lm',
    'fi',
    '',
  ].join('\n');
}

/** A function for each command. Their names are made of the command's words. */
function functions(command: DescribedCommand, name: string): string[] {
  const { options, args, commands } = command;
  const specs = options.flatMap(optionSpecs);
  const nameOf = (one: DescribedCommand): string => `${name}_${wordOf(one)}`;
  if (commands.length === 0)
    return [`${name}() {`, ...call('_arguments -s -S', [...specs, ...args.map(argumentSpec)]), '}', ''];
  return [
    `${name}() {`,
    '  local curcontext=$curcontext state line',
    '  typeset -A opt_args',
    ...call('_arguments -s -S -C', [...specs, "'1: :->command'", "'*:: :->rest'"]),
    '  case $state in',
    '    command)',
    '      local -a commands=(',
    ...commands.map((one) => `        ${quoted(`${wordOf(one)}:${one.summary.replaceAll(':', '\\:')}`)}`),
    '      )',
    `      _describe -t commands 'command' commands`,
    '      ;;',
    '    rest)',
    `      curcontext=\${curcontext%:*:*}:${name.slice(1).replaceAll('_', '-')}-$words[1]:`,
    '      case $words[1] in',
    ...commands.map((one) => `        ${wordOf(one)}) ${nameOf(one)} ;;`),
    '      esac',
    '      ;;',
    '  esac',
    '}',
    '',
    ...commands.flatMap((one) => functions(one, nameOf(one))),
  ];
}

const wordOf = ({ name }: DescribedCommand): string => name.split(' ').at(-1)!;

const call = (command: string, specs: readonly string[]): string[] => [`  ${[command, ...specs].join(' \\\n    ')}`];

function optionSpecs({ long, short, metavar, help, isList, completes }: DescribedOption): string[] {
  const text = `[${help.replaceAll(/[[\]\\:]/g, '\\$&')}]`;
  const value = metavar === '' ? '' : `:${message(metavar)}:${action(completes)}`;
  const name = metavar === '' ? long : `${long}=`;
  if (short === undefined) return [quoted(`${isList ? '*' : ''}${name}${text}${value}`)];
  return [short, name].map((one) => quoted(`(${short} ${long})${one}${text}${value}`));
}

const argumentSpec = ({ term, name, completes }: DescribedArgument): string =>
  quoted(`${term.startsWith('[') ? '::' : ':'}${message(name)}:${action(completes)}`);

/** A space completes nothing, and shows what is to be typed. */
function action({ words, path }: DescribedOption['completes']): string {
  const files = path === 'directory' ? '_files -/' : '_files';
  if (words && path) return `{_lm_typed_path ${quoted(files)} ${words.join(' ')}}`;
  return words ? `(${words.join(' ')})` : path ? files : ' ';
}

const message = (text: string): string => text.replaceAll(':', '\\:');

const quoted = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;

const TYPED_PATH = `# WORD=PATH: what $1 completes after one of the other words.
_lm_typed_path() {
  if compset -P 1 '*='; then
    \${=1}
  else
    local -a words=("\${@:2}")
    compadd -S = -- $words
  fi
}`;
