// The table of commands for `--help`: arguments, summary, examples, and the exit codes that each can end with.

import { EXIT, type ExitName, STOPS } from '../exit-codes.js';
import type { CommandName } from '../settings/options.js';

export interface CommandHelp {
  /** Arguments without a flag. */
  args: '' | '[DIR]' | '[URL] [DIR]' | '[RATE]' | '<SHELL>';
  summary: string;
  examples: readonly string[];
  exits: readonly ExitName[];
  /** What they mean where that is not quite what they mean elsewhere. */
  means?: Partial<Record<ExitName, string>>;
}

const ON_SOURCE = ['source', 'refused', 'protocol', 'local', 'locked', ...STOPS] as const;

/** Of `lm wait`. */
const LAST_RUN = 'the last run ended with this code, and nothing is at work any more';

export const COMMAND_HELP: Record<CommandName, CommandHelp> = {
  serve: {
    args: '[DIR]',
    summary: 'serve the directories of this host, read-only; on a destination, copy and verify when told over HTTP',
    examples: [
      'lm serve /srv/data',
      'lm serve --cassandra-yaml /etc/cassandra/cassandra.yaml --listen :9043 --token-file token',
    ],
    exits: ['ok', 'bug', 'usage', 'refused', 'local', 'locked'],
  },
  copy: {
    args: '[URL] [DIR]',
    summary: 'copy from a source, pass after pass, until enough of it matches',
    examples: ['lm copy http://source:9043 /srv/data --threshold 0.95', 'lm copy --dry-run', 'lm copy'],
    exits: ['ok', 'bug', 'usage', 'belowThreshold', ...ON_SOURCE],
  },
  verify: {
    args: '[URL] [DIR]',
    summary: 'compare every file of both sides by digest, and name each difference',
    examples: ['lm verify', 'lm verify --algo md5 --report differences.jsonl'],
    exits: ['ok', 'bug', 'usage', 'differences', ...ON_SOURCE],
  },
  complete: {
    args: '',
    summary: 'mark the migration complete on this host: nothing is copied or served any more',
    examples: ['lm complete'],
    exits: ['ok', 'bug', 'usage', ...ON_SOURCE],
  },
  reset: {
    args: '',
    summary: 'clear the record of a completed migration',
    examples: ['lm reset'],
    exits: ['ok', 'bug', 'usage', 'refused', 'local', 'locked'],
  },
  status: {
    args: '',
    summary: 'say how the migration stands, here and at the source, and what comes next',
    examples: ['lm status', 'lm status --watch', 'lm status --history', 'lm status --json'],
    exits: ['ok', 'bug', 'usage', 'local', ...STOPS],
  },
  wait: {
    args: '',
    summary: 'wait until the migration here has come as far as is asked for, or nothing works towards that any more',
    examples: ['lm wait --until converged --timeout 2h', 'lm wait --until verified'],
    exits: ['ok', 'bug', 'usage', 'belowThreshold', 'differences', ...ON_SOURCE],
    means: {
      belowThreshold: 'short of the goal, and nothing is at work any more',
      differences: LAST_RUN,
      source: 'the same, or it was interrupted or cut off; run it again',
      refused: LAST_RUN,
      protocol: LAST_RUN,
      local: 'the same, or the records cannot be read',
      locked: 'the time of --timeout is over',
    },
  },
  limit: {
    args: '[RATE]',
    summary: 'say what limit a running copy or verification keeps to, or give it another, for that run alone',
    examples: ['lm limit', 'lm limit 50MiB/s', 'lm limit off', 'lm limit default'],
    exits: ['ok', 'bug', 'usage', 'refused', 'local', ...STOPS],
  },
  doctor: {
    args: '[URL] [DIR]',
    summary:
      'look at both sides before a migration: what is in the way, what to do about it, and how long it will take',
    examples: [
      'lm doctor https://source:9043 /srv/data --token-file token --pin SHA256',
      'lm doctor --root data=/srv/data',
      'lm doctor --probe-disk 1GiB',
      'lm doctor --json',
    ],
    exits: ['ok', 'bug', 'usage', ...ON_SOURCE],
  },
  instances: {
    args: '',
    summary: 'list the migrations that this host knows, or forget one',
    examples: ['lm instances', 'lm instances --forget destination-1f2e3d4c'],
    exits: ['ok', 'bug', 'usage', 'refused', 'local', 'locked', ...STOPS],
  },
  report: {
    args: '',
    summary: 'tell what a migration did: passes, removals, refusals, waivers, proofs; also after lm reset',
    examples: ['lm report', 'lm report --html report.html', 'lm report --json', 'lm report --manifest MD5SUMS'],
    exits: ['ok', 'bug', 'usage', 'refused', 'local', ...STOPS],
  },
  'config show': {
    args: '',
    summary: 'print every setting and where it came from',
    examples: ['lm config show', 'LM_THRESHOLD=0.95 lm config show --json'],
    exits: ['ok', 'bug', 'usage', 'local'],
  },
  demo: {
    args: '',
    summary: 'run a whole migration on this machine, in seconds, with a source that changes meanwhile',
    examples: ['lm demo'],
    exits: ['ok', 'bug', 'usage', 'belowThreshold', 'differences', 'source', 'refused', 'local', ...STOPS],
  },
};

export const SHELLS = ['bash', 'zsh', 'fish'] as const;

/** Commands that print what is made of this table and of the options. They read no settings, so that no settings are in their way. */
export const PRINTED_HELP = {
  completion: {
    args: '<SHELL>',
    summary: `print what makes a shell complete the words of lm: ${SHELLS.slice(0, -1).join(', ')} or ${SHELLS.at(-1)}`,
    examples: [
      'lm completion bash > /etc/bash_completion.d/lm',
      'lm completion zsh > ~/.zfunc/_lm',
      'lm completion fish > ~/.config/fish/completions/lm.fish',
    ],
    exits: ['ok', 'bug', 'usage', 'local'],
  },
  man: {
    args: '',
    summary: 'print the manual page of lm',
    examples: ['lm man | man -l -'],
    exits: ['ok', 'bug', 'usage', 'local'],
  },
} as const satisfies Record<string, CommandHelp>;

export type PrintingName = keyof typeof PRINTED_HELP;

/** The help of `lm` and `lm config`, which have subcommands and do nothing themselves. */
export const PROGRAM_HELP = {
  lm: {
    examples: [
      'lm serve /srv/data --listen :9043 --token-file token',
      'lm copy http://source:9043 /srv/data --token-file token',
      'lm verify',
      'lm complete',
    ],
    exits: Object.keys(EXIT) as ExitName[],
  },
  config: { examples: ['lm config show'], exits: ['ok', 'bug', 'usage'] },
} as const satisfies Record<string, Pick<CommandHelp, 'examples' | 'exits'>>;

export const ARGUMENT_HELP = {
  URL: 'the source, such as http://source:9043 or, of this host, /mnt/old; remembered by the first copy',
  DIR: 'the directory, the same as --root data=DIR',
  SHELL: SHELLS.join(', '),
  RATE: 'a rate or a timetable, as --limit-rate takes it; off for none; default for what the run was started with',
} as const;
