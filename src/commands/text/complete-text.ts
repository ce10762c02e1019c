// What completing came to as lines for people, and what is left to do. Pure: asks nobody, judges nothing.

import { fenceText } from '../../complete/at-rest.js';
import type { Completed, CompleteMigration } from '../../complete/run.js';
import type { SourceStatus } from '../../migration/ask-source.js';
import { rootsText } from '../../state/instance.js';

/** Its lines, and what comes next. */
export function completeText(
  { instance, settings, roots }: CompleteMigration,
  outcome: Completed,
): { lines: string[]; next: string } {
  const { role } = instance;
  const { already, waived } = outcome;
  const at = new Date(outcome.completion.endTime!).toISOString();
  const lines = [
    `complete: this ${role} (${rootsText(instance.roots)}), ${already ? `since ${at}; nothing was changed` : `at ${at}`}`,
    ...(waived.length > 0 ? [`waived: ${waived.join(', ')}`] : []),
    ...(role === 'source'
      ? [`fence: ${fenceText(settings, roots)}`, 'lm serve may be stopped now: it serves no file any more']
      : []),
  ];
  return { lines, next: role === 'source' ? AFTER_SOURCE : nextHere(outcome.source, settings.pair !== undefined) };
}

const AFTER_SOURCE =
  'start the service on the destination, if lm complete has passed there. If not: it cannot look at this source any more; lm reset here, lm complete there, then here again';

/** What is left to do depends on what the other side has done. */
function nextHere(source: SourceStatus | null, isMapped: boolean): string {
  const start = `start the service here. lm reset on both hosts ${isMapped ? 'when the pair is out of the map' : 'when nothing is to be copied any more'}`;
  const there = 'lm complete on the source, which says how to keep its service from starting again';
  if (source === null) return `${there}; then ${start}`;
  if ('error' in source) return `${there}, unless that is done: it cannot be asked (${source.error}). Then ${start}`;
  return source.status.state === 'COMPLETED' ? `the source is complete as well: ${start}` : `${there}; then ${start}`;
}
