// Writes the completion script of bash. It does without the package bash-completion.

import { type DescribedCommand, type DescribedOption, flatten } from '../described.js';

export function bashScript(program: DescribedCommand): string {
  const commands = flatten(program);
  const options = commands.flatMap((command) => command.options);
  const withValue = options.filter(({ metavar }) => metavar !== '');
  const named = commands.filter(({ name }) => name !== '');
  return [
    '# Completes lm in bash. Written by: lm completion bash',
    '',
    ...HEAD,
    '',
    '# The options that take a value.',
    '_lm_takes_value() {',
    '  case $1 in',
    `    ${unique(withValue.map(({ long }) => long)).join(' | ')}) return 0 ;;`,
    '  esac',
    '  return 1',
    '}',
    '',
    '# The command after $1, which is one or none, and the word $2.',
    '_lm_command() {',
    '  case "$1 $2" in',
    `    ${named.map(({ name }) => `'${name.includes(' ') ? name : ` ${name}`}'`).join(' | ')})`,
    `      command=\${1:+$1 }$2 ;;`,
    '  esac',
    '}',
    '',
    '# Completes the value $2 of the option $1.',
    '_lm_value() {',
    '  case $1 in',
    ...distinct(withValue).map(([names, call]) => `    ${names.join(' | ')}) ${call} ;;`),
    '  esac',
    '}',
    '',
    '# Completes the word $2, which is no value, after the command $1.',
    '_lm_word() {',
    '  case $1 in',
    ...commands.flatMap((command) => [
      `    '${command.name}')`,
      `      case $2 in -*) _lm_words ${quoted(optionWords(command))} "$2"; return ;; esac`,
      ...argumentCalls(command),
      '      ;;',
    ]),
    '  esac',
    '}',
    '',
    'complete -F _lm lm',
    '',
  ].join('\n');
}

/** Options with the same values beside each other; those without any need no case. */
function distinct(options: readonly DescribedOption[]): [string[], string][] {
  const byCall = new Map<string, Set<string>>();
  for (const { long, completes } of options) {
    const call = callOf(completes);
    if (call !== undefined) byCall.set(call, (byCall.get(call) ?? new Set()).add(long));
  }
  return [...byCall].map(([call, names]) => [[...names], call]);
}

/** Of what completes the word `$2`. */
function callOf({ words, path }: DescribedOption['completes']): string | undefined {
  if (words && path) return `_lm_typed_path ${path} ${quoted(words)} "$2"`;
  if (words) return `_lm_words ${quoted(words)} "$2"`;
  return path && `_lm_path ${path} "$2"`;
}

function argumentCalls({ args, commands }: DescribedCommand): string[] {
  const names = commands.map(({ name }) => name.split(' ').at(-1)!);
  if (names.length > 0) return [`      _lm_words ${quoted(names)} "$2"`];
  return unique(args.map(({ completes }) => callOf(completes))).map((call) => `      ${call}`);
}

const optionWords = ({ options }: DescribedCommand): string[] =>
  options.flatMap(({ long, short }) => (short ? [long, short] : [long]));

const unique = <T>(all: readonly T[]): T[] => [...new Set(all)];

const quoted = (words: readonly string[]): string => `'${words.join(' ')}'`;

/** What bash has taken apart at `=` and `:` is put together again: what it calls the current word is only the end of what was typed. */
const HEAD = `_lm() {
  local current=\${COMP_WORDS[COMP_CWORD]} typed= command= option= i word
  local -a words=()
  case $current in = | :) current= ;; esac
  for ((i = 1; i <= COMP_CWORD; i++)); do
    word=\${COMP_WORDS[i]}
    if ((i > 1)) && [[ $word == [=:]* || $typed == *[=:] ]]; then
      typed+=$word
    else
      ((i == 1)) || words+=("$typed")
      typed=$word
    fi
  done
  for word in \${words[@]+"\${words[@]}"}; do
    if [[ -n $option ]]; then
      option=
    elif _lm_takes_value "$word"; then
      option=$word
    else
      _lm_command "$command" "$word"
    fi
  done
  COMPREPLY=()
  if [[ -z $option && $typed == --*=* ]]; then
    option=\${typed%%=*}
    _lm_value "$option" "\${typed#*=}"
    _lm_reply "$option="
  elif [[ -n $option ]]; then
    _lm_value "$option" "$typed"
    _lm_reply ''
  else
    _lm_word "$command" "$typed"
    _lm_reply ''
  fi
}

# Takes from the candidates what bash keeps of the word: all before its current part. $1 came before the candidates.
_lm_reply() {
  local kept=\${typed%"$current"} i
  for ((i = 0; i < \${#COMPREPLY[@]}; i++)); do
    word=$1\${COMPREPLY[i]}
    COMPREPLY[i]=\${word#"$kept"}
  done
}

_lm_add() {
  local line
  while IFS= read -r line; do COMPREPLY+=("$1$line"); done
}

# The words $1 that begin with $2.
_lm_words() {
  _lm_add '' < <(compgen -W "$1" -- "$2")
}

# Paths, files or directories by $1, that begin with $2; $3 goes before them.
_lm_path() {
  if [[ $1 == directory ]]; then
    _lm_add "$3" < <(compgen -d -- "$2")
    compopt -o filenames -o dirnames 2>/dev/null
  else
    _lm_add "$3" < <(compgen -f -- "$2")
    compopt -o filenames -o default 2>/dev/null
  fi
}

# WORD=PATH: paths by $1 after one of the words $2, in $3.
_lm_typed_path() {
  if [[ $3 == *=* ]]; then
    _lm_path "$1" "\${3#*=}" "\${3%%=*}="
  else
    _lm_add '' < <(compgen -S = -W "$2" -- "$3")
    compopt -o nospace 2>/dev/null
  fi
}`.split('\n');
