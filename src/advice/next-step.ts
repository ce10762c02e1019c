// Decides what comes next in a migration, by what the records of one host say: the one safe command, and why. Pure.

import { formatCount } from '../amounts.js';
import { EXIT, EXIT_MEANING, type ExitName } from '../exit-codes.js';
import type { CopyReport } from '../report/copy-report.js';
import type { VerifyReport } from '../report/verify-report.js';
import { AFTER_SOURCE, afterCompleteHere, type SourceAnswer } from './after-complete.js';
import { AFTER_CHECK, stepAfterCopy } from './after-copy.js';
import { AFTER_DAMAGE, COMPLETE, stepAfterVerify } from './after-verify.js';
import { KEPT, type NextStep } from './step.js';

export interface Advice {
  step: NextStep;
  /** What of the records it follows from. */
  why: string;
}

interface Ended<Report> {
  exitCode: number;
  message: string;
  report: Report;
}

/** A run that an error has ended; without an exit code it was cut off. */
export interface Stopped {
  command: 'copy' | 'verify' | 'complete';
  exitCode?: number;
  message?: string;
  hint?: string;
}

/** What the records of a migration on one host amount to. */
export interface Situation {
  role: 'source' | 'destination';
  completed: boolean;
  /** Who is at work here, for people. */
  atWork?: string;
  /** At the source: an agent runs. */
  isServed: boolean;
  source: SourceAnswer;
  /** A migration map has the pair. */
  isMapped: boolean;
  /** The last run, if it came to no result. */
  stopped?: Stopped;
  /** The last result, if it is a copy's. */
  copied?: Ended<CopyReport>;
  /** The last result, if it is a verification's. */
  verified?: Ended<VerifyReport>;
  /** The last copy was a final pass that succeeded. */
  isFinal: boolean;
  /** A verification of every entry has found no difference, and nothing was copied since. */
  isVerified: boolean;
  /** There was a post-check, and it has not succeeded. */
  isCheckMissing: boolean;
  /** SSTables that were damaged at the source already. */
  damaged: number;
}

export function nextStep(situation: Situation): Advice {
  if (situation.role === 'source') return atSource(situation);
  const { atWork, completed, source, isMapped, isFinal, isVerified, isCheckMissing, damaged } = situation;
  const { stopped, copied, verified } = situation;
  if (atWork !== undefined)
    return {
      step: { command: 'lm status --watch' },
      why: `${atWork} is at work; what comes next shows when it has ended`,
    };
  if (completed) return { step: afterCompleteHere(source, isMapped), why: 'the migration is complete on this host' };
  if (isFinal && isVerified && (isCheckMissing || damaged > 0 || stopped?.command !== 'complete'))
    return afterProof(situation);
  if (stopped && (stopped.command !== 'complete' || (isFinal && isVerified))) return afterStop(stopped);
  if (verified) {
    const step = stepAfterVerify(verified) ?? VERIFY;
    return { step, why: endedText('verify', verified) };
  }
  if (copied) {
    const step = stepAfterCopy(copied) ?? { ...COPY_AGAIN, first: SEE_TO_IT };
    return { step, why: endedText('copy', copied) };
  }
  if (isFinal) return { step: VERIFY, why: 'the last copy was a final pass that succeeded, and nothing proves it yet' };
  return { step: { command: 'lm copy' }, why: 'nothing that lm has copied here is known to be whole' };
}

function atSource({ completed, isServed }: Situation): Advice {
  if (completed) return { step: AFTER_SOURCE, why: 'the migration is complete on this host, the source' };
  if (!isServed)
    return {
      step: { command: 'lm serve', given: 'with the options it was started with before' },
      why: 'this host is the source, and no agent runs here, as far as can be seen',
    };
  return {
    step: { first: 'see lm complete pass on the destination', command: 'lm complete' },
    why: 'this host is the source, and is completed last; lm status on the destination says what comes before',
  };
}

/** What `lm complete` takes, or what it would refuse. */
function afterProof({ isCheckMissing, damaged }: Situation): Advice {
  if (isCheckMissing) return { step: AFTER_CHECK, why: 'the post-check has not succeeded' };
  const why = 'a verification after the final pass found every entry equal at both ends';
  if (damaged === 0) return { step: COMPLETE, why };
  const sstables = formatCount(damaged, 'SSTable was', 'SSTables were');
  return { step: AFTER_DAMAGE, why: `${why}, but ${sstables} damaged at the source already` };
}

const SEE_TO_IT = 'see to what the message names';
const VERIFY: NextStep = { command: 'lm verify' };
const COPY_AGAIN: NextStep = { command: 'lm copy', again: true, note: KEPT };

/** After a fault that passes, the same again; what a guard or a disk has said must be seen to first. */
function afterStop({ command, exitCode, message, hint }: Stopped): Advice {
  const again: NextStep = {
    command: `lm ${command}`,
    again: true,
    ...(command === 'copy' && { note: KEPT }),
    ...(command === 'verify' && { note: 'with --incremental it goes on where it was' }),
  };
  if (exitCode === undefined) return { step: again, why: `the last lm ${command} has recorded no end: it was cut off` };
  const why = endedText(command, { exitCode, message: [message, hint].filter(Boolean).join('; ') });
  return { step: PASSES.has(exitCode) ? again : { ...again, first: SEE_TO_IT }, why };
}

/** What is over when the command is run again. */
const PASSES: ReadonlySet<number> = new Set([
  ...[EXIT.belowThreshold, EXIT.source, EXIT.locked],
  ...[EXIT.hungUp, EXIT.interrupted, EXIT.quit, EXIT.terminated],
]);

const endedText = (command: string, { exitCode, message }: { exitCode: number; message: string }): string =>
  `the last lm ${command} ended with ${exitCode === EXIT.ok ? '0' : `${exitCode} (${meaningOf(exitCode)})`}${message === '' ? '' : `: ${message}`}`;

function meaningOf(exitCode: number): string {
  const name = (Object.keys(EXIT) as ExitName[]).find((one) => EXIT[one] === exitCode) ?? 'bug';
  return EXIT_MEANING[name];
}
