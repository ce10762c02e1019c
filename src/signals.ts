// Handles the signals that end a command in an orderly way, and finds out whether the terminal has gone.

import { closeSync, openSync } from 'node:fs';
import { isatty } from 'node:tty';
import type { ErrorKind } from './errors/kinds.js';
import { LmError } from './errors.js';

const STOPS = {
  SIGHUP: ['hung-up', 'hung up'],
  SIGINT: ['interrupted', 'interrupted'],
  SIGQUIT: ['quit', 'quit'],
  SIGTERM: ['terminated', 'terminated'],
} as const satisfies Record<string, [ErrorKind, string]>;

type Stop = keyof typeof STOPS;
const NAMES = Object.keys(STOPS) as Stop[];
const HINT = 'run the same command again; a copy goes on from here';

interface Signals {
  /** Aborted by the first signal that asks for an end; its reason is an LmError. */
  signal: AbortSignal;
  /** From now on SIGHUP calls `act` instead, unless the terminal that the command reads from or writes to has gone. */
  onHangup(act: () => void): void;
  /** From now on signals have their usual effect; only SIGHUP has none. */
  release(): void;
}

/**
 * The first signal asks for an orderly end; the second has its usual effect at once. A second SIGHUP has no effect: when a terminal is
 * closed, both its shell and the kernel may send one.
 */
export function handleSignals(terminal: Terminal): Signals {
  const controller = new AbortController();
  let act: (() => void) | undefined;
  const stop = (name: Stop): void => {
    const [kind, message] = STOPS[name];
    controller.abort(new LmError(kind, message, { hint: HINT }));
  };
  const handle = (name: Stop): void => {
    if (!controller.signal.aborted) return stop(name);
    release();
    process.kill(process.pid, name);
  };
  const hangUp = (): void => {
    if (controller.signal.aborted) return;
    if (terminal.hasLostStream()) stop('SIGHUP');
    else if (act) act();
    else if (!terminal.isDetached()) stop('SIGHUP');
  };
  const release = (): void => {
    for (const name of NAMES) process.off(name, handle);
    process.off('SIGUSR1', ignore);
  };
  for (const name of NAMES) process.on(name, name === 'SIGHUP' ? hangUp : handle);
  process.on('SIGUSR1', ignore);
  return {
    signal: controller.signal,
    onHangup(given) {
      act = given;
    },
    release,
  };
}

/** SIGUSR1 may be sent to learn the progress, as dd reports it. By default Node would listen for debuggers, of any user of this host. */
const ignore = (): void => {};

interface Terminal {
  /** The terminal has gone, and with it a standard stream of this process. */
  hasLostStream(): boolean;
  /**
   * The terminal has gone, and no standard stream was on it. That is how nohup starts a command, and SIGHUP must then have no effect. That
   * nohup ignores the signal cannot be seen, since Node resets all signals to their defaults when it starts.
   */
  isDetached(): boolean;
  /** Closes the lost streams: Node aborts and dumps core if, at its end, it cannot reset a terminal that it started with. */
  close(): void;
}

/** Watches the terminal that the process was started from, if any. Call it at the start of the process. */
export function watchTerminal(): Terminal {
  const streams = [0, 1, 2].filter((fd) => isatty(fd));
  const hadOne = hasTerminal();
  const lost = (): number[] => streams.filter((fd) => !isatty(fd));
  return {
    hasLostStream: () => lost().length > 0,
    isDetached: () => hadOne && streams.length === 0 && !hasTerminal(),
    close: () => lost().forEach(closeSync),
  };
}

/** Whether the process has a controlling terminal; /dev/tty is its name. */
function hasTerminal(): boolean {
  try {
    closeSync(openSync('/dev/tty', 'r'));
    return true;
  } catch {
    return false;
  }
}
