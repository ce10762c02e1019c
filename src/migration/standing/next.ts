// Says what comes next in a migration of this host: the advice that its records lead to, as a command that can be pasted.

import { type Advice, nextStep, type Situation, type Stopped } from '../../advice/next-step.js';
import { remarksOf } from '../../advice/step.js';
import { printable } from '../../errors.js';
import { holderText } from '../../state/lock/lock-holder.js';
import { answerOf } from '../source-status.js';
import type { MigrationStatus } from '../status.js';
import type { Option, RunSummary } from './run-history.js';

/** What `lm status` ends with. */
export interface Next {
  /** Names the migration wherever another could be meant. */
  command: string;
  /** What a person has to do before. */
  first?: string;
  why: string;
}

export interface Place {
  /** A migration map has the pair. */
  isMapped: boolean;
  /** Whether later commands know the source: by the first copy, or by their settings. */
  isSourceKnown: boolean;
  /** What every command has to be given to mean this migration: `['--instance', 'a']`. */
  words: readonly string[];
}

/** Undefined for records that lm does not obey: no command would. */
export function nextOf(status: MigrationStatus, { isMapped, isSourceKnown, words }: Place): Next | undefined {
  if (status.stranger !== undefined) return undefined;
  const { step, why }: Advice = nextStep(situationOf(status, isMapped));
  const [program = 'lm', name = '', ...own] = step.command.split(' ');
  const before = name === status.lastRun?.command ? status.lastRun : undefined;
  const given = [
    ...(step.again && before ? repeated(before.options, isSourceKnown) : []),
    ...(name === 'copy' && !step.again && !isSourceKnown ? unknownYet(status.lastRun?.options ?? []) : []),
    ...(name === 'serve' ? status.roots.map(({ key, path }) => rootOption(key, path)) : []),
  ].filter(({ words }) => !own.includes(words[0]!));
  const all = [program, name, ...own, ...[...given.flatMap((one) => one.words), ...words].map(shellWord)];
  return {
    command: all.join(' '),
    ...(step.first !== undefined && { first: step.first }),
    why: [why, ...remarksOf(step)].map(printable).join('; '),
  };
}

function situationOf(status: MigrationStatus, isMapped: boolean): Situation {
  const { role, completion, holder, agents = [], source, lastCopy, lastVerify, verified, damagedAtSource = 0 } = status;
  const stopped = stoppedIn(status);
  const isVerifyLast = lastVerify !== null && lastVerify.endedMs >= (lastCopy?.endedMs ?? 0);
  return {
    role,
    completed: completion.state === 'COMPLETED',
    ...(holder !== null && { atWork: holderText(holder) }),
    isServed: agents.length > 0,
    source: answerOf(source),
    isMapped,
    ...(stopped && { stopped }),
    ...(isVerifyLast ? { verified: lastVerify } : lastCopy && { copied: lastCopy }),
    isFinal: status.finalPass,
    isVerified: verified,
    isCheckMissing: status.postCheckMissing === true,
    damaged: damagedAtSource,
  };
}

/** By the evidence, or where there is none of it, by the journal, which knows of copies. */
function stoppedIn({ lastRun, copyBeganMs, copyExitCode }: MigrationStatus): Stopped | undefined {
  if (lastRun) return lastRun.stopped ? stoppedOf(lastRun) : undefined;
  if (copyBeganMs === null) return undefined;
  return { command: 'copy', ...(copyExitCode !== null && { exitCode: copyExitCode }) };
}

const stoppedOf = ({ command, exitCode, message, hint }: RunSummary): Stopped => ({
  command,
  ...(exitCode !== undefined && { exitCode }),
  ...(message !== undefined && { message }),
  ...(hint !== undefined && { hint }),
});

/** Options that make a run what it was; none that loosens a guard is among them. */
const REPEATED: ReadonlySet<string> = new Set([
  ...[
    'threshold',
    'max-downtime',
    'max-iterations',
    'only',
    'diff',
    'delta',
    'backup-dir',
    'limit-rate',
    'keep-setuid',
    'sstables',
  ],
  ...['algo', 'incremental', 'live', 'offline', 'repair', 'report', 'yield-to-io', 'yield-floor'],
  ...['metrics-file', 'metrics-listen'],
]);

/** Consents of the operator, which every run is to be given anew, and what has nothing to do with a run. */
const NEVER: ReadonlySet<string> = new Set([
  ...['adopt', 'new-source', 'max-delete', 'unverified', 'dry-run'],
  ...['allow-running', 'allow-live-source', 'allow-txn-logs', 'allow-damaged-at-source'],
  ...['config', 'state-dir', 'instance', 'json', 'quiet', 'verbose', 'color'],
]);

const repeated = (options: readonly Option[], isSourceKnown: boolean): Option[] =>
  isSourceKnown ? options.filter(({ name }) => REPEATED.has(name)) : unknownYet(options);

/** A copy that was refused has remembered nothing: address and directories have to be given again. */
const unknownYet = (options: readonly Option[]): Option[] =>
  [...options]
    .filter(({ name }) => !NEVER.has(name))
    .sort((a, b) => Number(b.name === 'url') - Number(a.name === 'url'));

function rootOption(key: string, path: string): Option {
  return { name: 'root', words: ['--root', `${key.split('/')[0]}=${path}`] };
}

/** As a shell takes it for one word. */
export const shellWord = (word: string): string =>
  /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
