// How gently the files of both sides are read for digests, and what is said where an end cannot do what was asked for.

import type { Emit } from '../events.js';
import type { LiveLimit } from '../pace/live-limit.js';
import type { LocalPace, PaceWishes } from '../pace/local-pace.js';
import { noPressureText } from '../pace/no-pressure.js';
import type { Source } from '../source/source.js';

interface Stated {
  yieldToIo: boolean;
  yieldFloor: number;
}

export const paceWishes = (limit: LiveLimit, { yieldToIo, yieldFloor }: Stated): PaceWishes => ({
  limit,
  yieldFloor: yieldToIo ? yieldFloor : undefined,
});

/** Warns where an end cannot know its pressure, or reads at its own speed. What the source's disks are like, it says only as it reads. */
export function warnOfPace(
  { limit, yieldFloor }: PaceWishes,
  source: Pick<Source, 'keepsPace' | 'kind'>,
  here: LocalPace | undefined,
  emit: Emit,
): void {
  const limitRate = limit?.now();
  const state = here?.yielding?.state();
  if (state && 'why' in state)
    emit({ type: 'warning', text: noPressureText('this host does not yield', state.why, limitRate) });
  if (source.keepsPace || (limitRate ?? yieldFloor) === undefined) return;
  const options = [limitRate && '--limit-rate', yieldFloor && '--yield-to-io'].filter(Boolean).join(' and ');
  const who = source.kind === 'sidecar' ? 'is a Sidecar' : 'has an older lm';
  emit({
    type: 'warning',
    text: `the source ${who}, which knows no ${options} for digests: it reads each batch at its own speed, and then waits for this host`,
  });
}
