// The operator's --at-rest-check at the source: one run at a time, however many ask, and a pause after each. Judges no outcome.

import { setTimeout as delay } from 'node:timers/promises';
import { printable } from '../../errors.js';
import { howItEnded, runCommand } from '../../linux/shell-command.js';
import type { OpenFilesReport } from '../../wire/messages.js';

export type CheckOutcome = NonNullable<OpenFilesReport['check']>;

export interface AtRestCheck {
  /** The outcome of a run that began after it was asked for; all who wait for one share it. */
  run(): Promise<CheckOutcome>;
  /** Kills a run that is under way, and begins no other. */
  close(): void;
}

/** So that no client can keep the command running without end. */
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
    waiting = undefined; // whoever asks from here on gets a run of its own
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
