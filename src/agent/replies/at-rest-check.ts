// Runs the operator's --at-rest-check command at the source: one run at a time, however many clients ask, with a pause after each.

import { setTimeout as delay } from 'node:timers/promises';
import { printable } from '../../errors.js';
import { howItEnded, runCommand } from '../../linux/shell-command.js';
import type { OpenFilesReport } from '../../wire/messages.js';

type CheckOutcome = NonNullable<OpenFilesReport['check']>;

export interface AtRestCheck {
  /** Resolves with the outcome of a run that began after this call. All callers that wait for one run share it. */
  run(): Promise<CheckOutcome>;
  /** Kills the run under way, and starts no other. */
  close(): void;
}

/** Between two runs, so that no client can keep the command running without end. */
const PAUSE_MS = 5_000;

export function createAtRestCheck(
  command: string,
  env: Readonly<Record<string, string | undefined>>,
  pauseMs = PAUSE_MS,
): AtRestCheck {
  const closing = new AbortController();
  const { signal } = closing;
  let waiting: Promise<CheckOutcome> | undefined;
  let ready: Promise<unknown> = Promise.resolve();

  async function begin(): Promise<CheckOutcome> {
    await ready;
    waiting = undefined; // a call from here on gets the next run
    const running = outcomeOf(command, env, signal);
    ready = running.then(pause, pause);
    return running;
  }
  const pause = (): Promise<unknown> => delay(pauseMs, undefined, { signal, ref: false }).catch(() => {});

  return {
    run() {
      waiting ??= begin();
      return waiting;
    },
    close: () => closing.abort(new Error('the agent is stopping')),
  };
}

async function outcomeOf(
  command: string,
  env: Readonly<Record<string, string | undefined>>,
  signal: AbortSignal,
): Promise<CheckOutcome> {
  const outcome = await runCommand(command, env, signal);
  return {
    command: printable(command),
    succeeded: outcome.code === 0,
    end: howItEnded(outcome),
    lines: outcome.lines,
  };
}
