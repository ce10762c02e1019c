// The signals that end a command in order, and what a terminal that goes away has to do with them. Knows no command.

import { closeSync, openSync } from 'node:fs';
import { isatty } from 'node:tty';
import { LmError, type StopCode } from './errors.js';

const STOPS = {
  SIGHUP: ['hungUp', 'hung up'],
  SIGINT: ['interrupted', 'interrupted'],
  SIGQUIT: ['quit', 'quit'],
  SIGTERM: ['terminated', 'terminated'],
} as const satisfies Record<string, [StopCode, string]>;

type Stop = keyof typeof STOPS;
const NAMES = Object.keys(STOPS) as Stop[];
const HINT = 'run the same command again; a copy goes on from here';

export interface Signals {
  /** Aborted by the first that asks for an end; its reason is an LmError. */
  signal: AbortSignal;
  /** From now on SIGHUP calls this instead, unless the terminal has gone that the command reads from or writes to. */
  onHangup(act: () => void): void;
  /** From now on they have their usual effect, but for SIGHUP, which has none. */
  release(): void;
}

/**
 * The first asks for an orderly end; the second has its usual effect, at once. A second SIGHUP has none: when a terminal is closed, both
 * its shell and the kernel may send one.
 */
export function hearSignals(terminal: Terminal): Signals {
  const controller = new AbortController();
  let act: (() => void) | undefined;
  const stop = (name: Stop): void => {
    const [code, message] = STOPS[name];
    controller.abort(new LmError(code, message, { hint: HINT }));
  };
  const hear = (name: Stop): void => {
    if (!controller.signal.aborted) return stop(name);
    release();
    process.kill(process.pid, name);
  };
  const hangUp = (): void => {
    if (controller.signal.aborted) return;
    if (terminal.isLost()) stop('SIGHUP');
    else if (act) act();
    else if (!terminal.isLeft()) stop('SIGHUP');
  };
  const release = (): void => {
    for (const name of NAMES) process.off(name, hear);
    process.off('SIGUSR1', ignore);
  };
  for (const name of NAMES) process.on(name, name === 'SIGHUP' ? hangUp : hear);
  process.on('SIGUSR1', ignore);
  return {
    signal: controller.signal,
    onHangup(given) {
      act = given;
    },
    release,
  };
}

/** Sent as to dd, which says how far it is. Left to itself Node begins to listen for debuggers, of every user of this host. */
const ignore = (): void => {};

export interface Terminal {
  /** It has gone, and a standard stream with it. */
  isLost(): boolean;
  /**
   * It has gone, and no standard stream was on it: so nohup starts a command, for which SIGHUP is to mean nothing. That nohup has it ignored
   * cannot be seen, since Node sets all signals back to their defaults as it starts.
   */
  isLeft(): boolean;
  /** Closes what is lost: Node aborts, and dumps its memory, if at its end it cannot reset a terminal it began with. */
  close(): void;
}

/** The one that the process was started from, if any; to be called at its start. */
export function watchTerminal(): Terminal {
  const streams = [0, 1, 2].filter((fd) => isatty(fd));
  const hadOne = hasTerminal();
  const lost = (): number[] => streams.filter((fd) => !isatty(fd));
  return {
    isLost: () => lost().length > 0,
    isLeft: () => hadOne && streams.length === 0 && !hasTerminal(),
    close: () => lost().forEach(closeSync),
  };
}

/** Whether the process has a controlling terminal, which /dev/tty is a name for. */
function hasTerminal(): boolean {
  try {
    closeSync(openSync('/dev/tty', 'r'));
    return true;
  } catch {
    return false;
  }
}
