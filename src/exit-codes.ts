// The table of exit codes: what a script may act on. A code exists only if a script would act differently on it.

import { type ErrorCode, LmError, type StopCode, systemFailure } from './errors.js';

export const EXIT = {
  ok: 0,
  bug: 1,
  usage: 2,
  belowThreshold: 3,
  differences: 4,
  source: 5,
  refused: 6,
  protocol: 7,
  local: 8,
  locked: 9,
  hungUp: 129,
  interrupted: 130,
  quit: 131,
  terminated: 143,
} as const satisfies Record<ErrorCode, number> & Record<string, number>;

export type ExitName = keyof typeof EXIT;

/** As the shell has it: 128 and the number of the signal. */
export const STOPS = ['hungUp', 'interrupted', 'quit', 'terminated'] as const satisfies readonly StopCode[];

export const isStop = (error: unknown): boolean =>
  error instanceof LmError && STOPS.some((code) => code === error.code);

/** What is thrown and is neither an LmError nor a system call that failed is a bug. */
export function exitCodeOf(error: unknown): number {
  const known = error instanceof LmError ? error : systemFailure(error);
  return known ? EXIT[known.code] : EXIT.bug;
}

/** One line a code, as every `--help` prints those its command can give. */
export const EXIT_MEANING: Record<ExitName, string> = {
  ok: 'goal met',
  bug: 'a bug in lm',
  usage: 'usage or settings',
  belowThreshold: 'passes used up below the threshold; the work is kept',
  differences: 'verification found differences',
  source: 'source unreachable or a transient fault; run again',
  refused: 'a guard refused',
  protocol: 'authentication, TLS or protocol; retrying will not help',
  local: 'local disk: space, permission, I/O, journal',
  locked: 'another task holds the lock',
  hungUp: 'hung up (SIGHUP)',
  interrupted: 'interrupted (SIGINT)',
  quit: 'quit (SIGQUIT)',
  terminated: 'terminated (SIGTERM)',
};
