// The table of exit codes. A code exists only if a script would act differently on it.

import { type ErrorCode, knownError, LmError, type StopCode } from './errors.js';

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

/** Their codes are those of the shell: 128 plus the number of the signal. */
export const STOPS = ['hungUp', 'interrupted', 'quit', 'terminated'] as const satisfies readonly StopCode[];

export const isStop = (error: unknown): boolean =>
  error instanceof LmError && STOPS.some((code) => code === error.code);

/** Anything thrown that is neither an LmError nor a failed system call is a bug. */
export function exitCodeOf(error: unknown): number {
  const known = knownError(error);
  return known ? EXIT[known.code] : EXIT.bug;
}

/** One line per code; `--help` prints those that the command can end with. */
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
