// Decides whether a migration has come as far as somebody waits for, and if nothing works towards it any more, how that ended. Pure.

import { EXIT, STOPS } from '../../exit-codes.js';
import type { ValueOf } from '../../settings/options.js';
import type { MigrationStatus } from '../status.js';

export type Goal = NonNullable<ValueOf<'until'>>;

/** What each means; ends the sentence "waiting until …". */
export const GOAL_TEXT: Record<Goal, string> = {
  converged: 'the last copy has met its threshold',
  copied: 'a final pass has succeeded',
  verified: 'the final pass is verified',
  complete: 'the migration is complete on this host',
};

type Local = Omit<MigrationStatus, 'source'>;

/**
 * Whether it is reached, by runs that are over with all that belongs to them, such as a post-check. A copy that begins later takes all but
 * `complete` back.
 */
export function isReached(goal: Goal, status: Local): boolean {
  const { lastCopy, lastVerify, copyBeganMs, completion, finalPass, verified, postCheckMissing = false } = status;
  const isOver = (run: string | undefined): boolean => status.progress?.run !== run;
  const hasCopied = copyBeganMs === null && lastCopy?.exitCode === EXIT.ok && isOver(lastCopy.report.run);
  switch (goal) {
    case 'converged':
      return hasCopied && lastCopy.report.only === undefined;
    case 'copied':
      return hasCopied && finalPass;
    case 'verified':
      return finalPass && verified && !postCheckMissing && isOver(lastVerify?.report.run);
    case 'complete':
      return completion.state === 'COMPLETED';
  }
}

/**
 * The exit code for a goal that nothing works towards: that of the last run, by which a script acts as if it had run it itself. A run that was
 * cut off or ended by a signal is to be run again, and one that ended well did not reach as far as this goal.
 */
export function exitCodeShortOf({ lastRun, copyBeganMs, copyExitCode }: Local): number {
  const exitCode = lastRun ? lastRun.exitCode : (copyExitCode ?? (copyBeganMs === null ? EXIT.ok : undefined));
  if (exitCode === undefined || STOPS.some((name) => EXIT[name] === exitCode)) return EXIT.source;
  return exitCode === EXIT.ok ? EXIT.belowThreshold : exitCode;
}
