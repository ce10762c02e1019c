// Asks real shells what they offer at the end of a line, with a completion script of lm in force.

import { execFileSync, spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

export const SHELLS = ['bash', 'zsh', 'fish'] as const;
export type Shell = (typeof SHELLS)[number];

export const isInstalled = (program: string): boolean => spawnSync(program, ['--version']).error === undefined;

const ZSH = fileURLToPath(new URL('./zsh-offers.zsh', import.meta.url));

/** The words that each line may be completed by, sorted; of `--option=value` and `TYPE=DIR` the last part. `script` is a path. */
export function offers(shell: Shell, script: string, lines: readonly string[], cwd: string): string[][] {
  const [command, args] = COMMANDS[shell](script, lines);
  const env = { PATH: process.env['PATH'], HOME: cwd, LC_ALL: 'C.UTF-8', TERM: 'dumb' };
  const output = execFileSync(command, args, { cwd, env, encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] });
  const blocks = output.replaceAll('\r', '').split(/^LINE .*\n/m);
  if (blocks.length !== lines.length + 1) throw new Error(`${shell} said: ${output}`);
  return blocks.slice(1).map((block) => {
    const words = block.split('\n').flatMap((line) => /^OFFER (.*)$/.exec(line)?.[1] ?? []);
    return [...new Set(words.map(plain))].sort();
  });
}

/** Without fish's descriptions, zsh's backslashes, and what a shell adds after a word. */
const plain = (word: string): string =>
  word.replace(/\t.*/, '').replaceAll('\\', '').replace(/[/=]$/, '').replace(/^.*=/, '');

const quoted = (word: string): string => `'${word.replaceAll("'", "'\\''")}'`;

const COMMANDS: Record<Shell, (script: string, lines: readonly string[]) => [string, string[]]> = {
  /** It calls the function as bash does, with the line taken apart at bash's word breaks. */
  bash: (script, lines) => {
    const wordsOf = (line: string) =>
      line.split(' ').flatMap((word) => (word === '' ? [''] : word.split(/([=:]+)/).filter(Boolean)));
    const calls = lines.map((line) => `offers ${quoted(line)} ${wordsOf(line).map(quoted).join(' ')}`);
    const text = `source ${quoted(script)}
      [[ $(complete -p lm) == 'complete -F _lm lm' ]] || exit 1
      offers() {
        echo "LINE $1"; shift
        COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMPREPLY=()
        _lm lm "\${COMP_WORDS[COMP_CWORD]}"
        for one in "\${COMPREPLY[@]}"; do echo "OFFER $one"; done
      }
      ${calls.join('\n')}`;
    return ['bash', ['--norc', '-c', text]];
  },
  zsh: (script, lines) => ['zsh', ['-f', ZSH, script, ...lines]],
  fish: (script, lines) => {
    const calls = lines.map((line) => `echo LINE --; complete -C ${quoted(line)} | string replace -r '^' 'OFFER '`);
    return ['fish', ['--no-config', '-c', [`source ${quoted(script)}`, ...calls].join('\n')]];
  },
};
