// Formats the outcome of `lm complete` as lines for people, and names what is left to do.

import { AFTER_SOURCE, afterCompleteHere } from '../../advice/after-complete.js';
import { stepText } from '../../advice/step.js';
import { fenceText } from '../../complete/at-rest.js';
import type { Completed, CompleteMigration, Verification } from '../../complete/run.js';
import { answerOf } from '../../migration/source-status.js';
import { downtimeText } from '../../render/rows/downtime.js';
import { ageText } from '../../render/rows/proofs.js';
import { rootsText } from '../../state/instance.js';

/** `next`: the operator's next step. */
export function completeText(
  { instance, settings, roots }: CompleteMigration,
  outcome: Completed,
): { lines: string[]; next: string } {
  const { role } = instance;
  const { already, waived, verification, downtime } = outcome;
  const at = new Date(outcome.completion.endTime!).toISOString();
  const lines = [
    `complete: this ${role} (${rootsText(instance.roots)}), ${already ? `since ${at}; nothing was changed` : `at ${at}`}`,
    ...(verification ? [`verified: ${verificationText(verification, Date.now())}`] : []),
    ...(downtime ? [`downtime: ${downtimeText(downtime)}`] : []),
    ...(waived.length > 0 ? [`waived: ${waived.join(', ')}`] : []),
    ...(role === 'source'
      ? [`fence: ${fenceText(settings, roots)}`, 'lm serve may be stopped now: it serves no file any more']
      : []),
  ];
  const step =
    role === 'source' ? AFTER_SOURCE : afterCompleteHere(answerOf(outcome.source), settings.pair !== undefined);
  return { lines, next: stepText(step) };
}

function verificationText({ by, endedMs, oldestMs }: Verification, nowMs: number): string {
  const ended = ageText(endedMs, nowMs);
  if (by === 'full') return `every file was read at both ends, ${ended}`;
  const oldest = oldestMs === undefined ? '' : `; the oldest of these reads is of ${ageText(oldestMs, nowMs)}`;
  return `incrementally, ${ended}: what earlier reads had proved was not read again${oldest}`;
}
