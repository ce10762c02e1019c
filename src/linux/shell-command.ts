// Runs a command of the operator's in a shell and keeps its last lines. Judges no outcome.

import { type ChildProcess, spawn } from 'node:child_process';
import { kill } from 'node:process';
import { localError, printable } from '../errors.js';

export interface CommandOutcome {
  code: number | null;
  killedBy: NodeJS.Signals | null;
  /** The last ones of both its outputs, printable. */
  lines: string[];
}

/** Given to /bin/sh; `env` is all it inherits. An abort kills it and all it started, and is thrown. Throws `local` without a shell. */
export async function runCommand(
  command: string,
  env: Readonly<Record<string, string | undefined>>,
  signal?: AbortSignal,
): Promise<CommandOutcome> {
  signal?.throwIfAborted();
  // A group of its own, so that one signal reaches whatever the shell has started.
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
export const howItEnded = ({ code, killedBy }: CommandOutcome): string =>
  killedBy === null ? `exit code ${code}` : `signal ${killedBy}`;

const KEPT_CHARACTERS = 8192;
const SHOWN_LINES = 10;
/** What the command left running may hold its output open for ever; this long is waited for the rest of it. */
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
    // It ended by itself, or became another user and is waited for.
  }
}
