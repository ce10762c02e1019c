// Runs a command of the operator in a shell, and keeps the last lines of its output.

import { type ChildProcess, spawn } from 'node:child_process';
import { kill } from 'node:process';
import { localError, printable } from '../errors.js';

export interface CommandOutcome {
  code: number | null;
  killedBy: string | null;
  /** The last lines of stdout and stderr, printable. */
  lines: string[];
}

/**
 * `env` is the whole environment of the command. An abort kills the command and the processes that it started, and its reason is thrown.
 * Throws `local` when /bin/sh cannot be run.
 */
export async function runCommand(
  command: string,
  env: Readonly<Record<string, string | undefined>>,
  signal?: AbortSignal,
): Promise<CommandOutcome> {
  signal?.throwIfAborted();
  // In a process group of its own, so that one signal reaches all processes that the shell has started.
  const child = spawn('/bin/sh', ['-c', command], { env, stdio: ['ignore', 'pipe', 'pipe'], detached: true });
  const stop = () => killGroup(child);
  signal?.addEventListener('abort', stop);
  try {
    const outcome = await outcomeOf(child);
    signal?.throwIfAborted();
    return outcome;
  } finally {
    signal?.removeEventListener('abort', stop);
  }
}

/** `exit code 3`, `signal SIGTERM` */
export const howItEnded = ({ code, killedBy }: Pick<CommandOutcome, 'code' | 'killedBy'>): string =>
  killedBy === null ? `exit code ${code}` : `signal ${killedBy}`;

const KEPT_CHARACTERS = 8192;
const SHOWN_LINES = 10;
/** How long the rest of the output is waited for: processes that the command left running may keep it open for ever. */
const DRAIN_MS = 200;

function outcomeOf(child: ChildProcess): Promise<CommandOutcome> {
  let tail = '';
  for (const stream of [child.stdout!, child.stderr!])
    stream.setEncoding('utf8').on('data', (text: string) => {
      tail = (tail + text).slice(-KEPT_CHARACTERS);
    });
  return new Promise((resolve, reject) => {
    child.once('error', (cause) => reject(localError('run', '/bin/sh', cause)));
    child.once('exit', (code, killedBy) => {
      const finish = () => {
        clearTimeout(timer);
        child.stdout!.destroy();
        child.stderr!.destroy();
        resolve({
          code,
          killedBy,
          lines: tail.trimEnd().split('\n').slice(-SHOWN_LINES).filter(Boolean).map(printable),
        });
      };
      const timer = setTimeout(finish, DRAIN_MS);
      child.once('close', finish);
    });
  });
}

function killGroup(child: ChildProcess): void {
  if (child.pid === undefined) return;
  try {
    kill(-child.pid, 'SIGKILL');
  } catch {
    // It has ended by itself, or runs as another user now: then its end is awaited.
  }
}
