// Formats the outcome of `lm complete` as lines for people, and names what is left to do.

import { fenceText } from '../../complete/at-rest.js';
import type { Completed, CompleteMigration, Verification } from '../../complete/run.js';
import { printable } from '../../errors.js';
import type { SourceStatus } from '../../migration/source-status.js';
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
  return { lines, next: role === 'source' ? AFTER_SOURCE : nextHere(outcome.source, settings.pair !== undefined) };
}

function verificationText({ by, endedMs, oldestMs }: Verification, nowMs: number): string {
  const ended = ageText(endedMs, nowMs);
  if (by === 'full') return `every file was read at both ends, ${ended}`;
  const oldest = oldestMs === undefined ? '' : `; the oldest of these reads is of ${ageText(oldestMs, nowMs)}`;
  return `incrementally, ${ended}: what earlier reads had proved was not read again${oldest}`;
}

const AFTER_SOURCE =
  'start the service on the destination, if lm complete has passed there. If not: it cannot look at this source any more; lm reset here, lm complete there, then here again';

/** The next step on the destination depends on whether the source is complete. */
function nextHere(source: SourceStatus | null, isMapped: boolean): string {
  const start = `start the service here. lm reset on both hosts ${isMapped ? 'when the pair is out of the map' : 'when nothing is to be copied any more'}`;
  if (source !== null && 'kind' in source && source.kind === 'directory')
    return `keep the service of ${printable(source.url)} from starting again, then start it here. lm reset when nothing is to be copied any more`;
  const there = 'lm complete on the source, which says how to keep its service from starting again';
  if (source === null) return `${there}; then ${start}`;
  if ('error' in source) return `${there}, unless that is done: it cannot be asked (${source.error}). Then ${start}`;
  return source.status.state === 'COMPLETED' ? `the source is complete as well: ${start}` : `${there}; then ${start}`;
}
