// Checks and reads the options that say how gently files are read for digests.

import { formatRate } from '../../amounts.js';
import { LmError } from '../../errors.js';
import { lowestRate } from '../../pace/rate-limit.js';
import { find, type Layers, label, pick } from '../layers.js';
import type { ServeSettings } from '../settings.js';

/** Throws `usage` for a floor that nothing uses, and for one that the limit keeps from being reached. */
export function readingPace(layers: Layers): Pick<ServeSettings, 'limitRate' | 'yieldToIo' | 'yieldFloor'> {
  const floor = find(layers, 'yield-floor')!;
  const limit = find(layers, 'limit-rate');
  const [yieldToIo, yieldFloor] = [pick(layers, 'yield-to-io'), pick(layers, 'yield-floor')];
  const limitRate = pick(layers, 'limit-rate');
  const isStated = floor.origin.source !== 'default';
  if (!yieldToIo && isStated)
    throw new LmError('settings-conflict', `${label('yield-floor', floor.origin)}: needs --yield-to-io beside it`);
  const lowest = lowestRate(limitRate);
  if (isStated && limit && lowest !== undefined && yieldFloor > lowest) {
    const what = limitRate?.zone === undefined ? limit.text : `which comes down to ${formatRate(lowest)}`;
    throw new LmError(
      'settings-conflict',
      `${label('yield-floor', floor.origin)}: ${floor.text} is above ${label('limit-rate', limit.origin)}, ${what}`,
    );
  }
  const isTimetable = limitRate?.zone !== undefined; // its lowest rate is no reason to read slowly when it is higher
  return { limitRate, yieldToIo, yieldFloor: isTimetable ? yieldFloor : Math.min(yieldFloor, lowest ?? yieldFloor) };
}
