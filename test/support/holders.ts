// Starts processes that hold files and do not descend from the test, in place of a service that runs.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { kill } from 'node:process';
import { createInterface } from 'node:readline';
import { setTimeout as pause } from 'node:timers/promises';

const left: { pid: number; ended: Promise<unknown> }[] = [];

/**
 * Runs `prepare` in a shell, which starts `command` with all its open files and then ends. Resolves to the pid of the orphan once the
 * shell has forked it; it may still have the name of the shell.
 */
export async function leaveBehind(prepare: string, command: string, wrapper: string[] = []): Promise<number> {
  const [file, ...args] = [...wrapper, '/bin/sh', '-ec', `${prepare}; ${command} & echo $!`];
  const shell = spawn(file!, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  const exited = once(shell, 'exit');
  const lines = createInterface({ input: shell.stdout });
  // The orphan keeps the pipe open, so the pipe ends when the orphan does.
  const ended = once(lines, 'close');
  const pid = Number(await Promise.race([once(lines, 'line').then(([line]) => line), ended.then(() => Number.NaN)]));
  if (Number.isNaN(pid)) throw new Error(`could not be prepared: ${prepare}`);
  left.push({ pid, ended });
  await exited; // until then it descends from the test
  return pid;
}

/** A process that has `path` open, by default for appending. */
export const holdOpen = (path: string, redirection: '>>' | '<' = '>>'): Promise<number> =>
  leaveBehind(`exec 3${redirection}'${path}'`, 'sleep 600');

/** Ends these processes and waits for their end. */
export async function release(): Promise<void> {
  for (const { pid, ended } of left.splice(0)) {
    kill(pid, 'SIGKILL');
    await ended;
  }
}

/** Polls where there is no event to await; fails after two minutes. */
export async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = performance.now() + 120_000;
  while (!(await holds())) {
    if (performance.now() > deadline) throw new Error(`did not come to hold: ${holds}`);
    await pause(5);
  }
}
