// Advises once the migration is complete on a host: the other host, then the service, then the end of the records.

import type { NextStep } from './step.js';

/** What the source says of itself, at the destination; a directory of this host says nothing. Undefined where no address is known. */
export type SourceAnswer = 'complete' | 'not-complete' | { error: string } | { directory: string } | undefined;

/** `isMapped`: a migration map has the pair. */
export function afterCompleteHere(source: SourceAnswer, isMapped: boolean): NextStep {
  if (typeof source === 'object' && 'directory' in source)
    return {
      first: `keep the service of ${source.directory} from starting again, then start it here`,
      command: 'lm reset',
      given: 'when nothing is to be copied any more',
    };
  return {
    first: [...thereFirst(source), 'start the service here'].join(', then '),
    command: 'lm reset',
    where: `on both hosts ${isMapped ? 'when the pair is out of the map' : 'when nothing is to be copied any more'}`,
  };
}

function thereFirst(source: Exclude<SourceAnswer, { directory: string }>): string[] {
  if (source === 'complete') return [];
  const there = 'lm complete on the source, which says how to keep its service from starting again';
  if (source === undefined || source === 'not-complete') return [there];
  return [`${there}, unless that is done (it cannot be asked: ${source.error})`];
}

export const AFTER_SOURCE: NextStep = {
  first: 'start the service on the destination, if lm complete has passed there',
  command: 'lm reset',
  given: 'when nothing is to be copied any more',
  note: 'if it has not passed, it cannot look at this source any more: lm reset here, lm complete there, then here again',
};
