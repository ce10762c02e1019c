// Runs the operator's --pre-check command and takes its word. Knows nothing of ports or files.

import { type ChildProcess, spawn } from 'node:child_process';
import { kill } from 'node:process';
import { LmError, localError, printable } from '../errors.js';

export interface PreCheck {
  /** Given to /bin/sh. */
  command: string;
  /** The environment it inherits; LM_* are added. */
  env: Readonly<Record<string, string | undefined>>;
  /** Host and port of the source. */
  source: string;
  port: number;
  roots: readonly { path: string }[];
  iteration: number;
  threshold: number;
}

/** Resolves when the command exits with 0; throws `refused` with its last lines when it doesn't. An abort kills it and all it started. */
export async function runPreCheck(check: PreCheck, signal?: AbortSignal): Promise<void> {
  signal?.throwIfAborted();
  // A group of its own, so that one signal reaches whatever the shell has started.
  const child = spawn('/bin/sh', ['-c', check.command], {
    env: { ...check.env, ...variables(check) },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  const stop = () => killGroup(child);
  signal?.addEventListener('abort', stop);
  try {
    const { code, killedBy, lines } = await outcomeOf(child);
    signal?.throwIfAborted();
    if (code === 0) return;
    const how = killedBy === null ? `exit code ${code}` : `signal ${killedBy}`;
    throw new LmError('refused', `the pre-check ended with ${how}: ${printable(check.command)}`, {
      details: lines,
      hint: 'the command is to exit with 0 when the destination service is stopped',
    });
  } finally {
    signal?.removeEventListener('abort', stop);
  }
}

const variables = (check: PreCheck): Record<string, string> => ({
  LM_SOURCE: check.source,
  LM_PORT: String(check.port),
  LM_ROOTS: check.roots.map((root) => root.path).join(':'),
  LM_ITERATION: String(check.iteration),
  LM_THRESHOLD: String(check.threshold),
});

interface Outcome {
  code: number | null;
  killedBy: NodeJS.Signals | null;
  lines: string[];
}

const KEPT_CHARACTERS = 8192;
const SHOWN_LINES = 10;
/** What the command left running may hold its output open for ever; this long is waited for the rest of it. */
const DRAIN_MS = 200;

function outcomeOf(child: ChildProcess): Promise<Outcome> {
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
