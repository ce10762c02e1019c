// Checks and reads the options that say how gently files are read for digests.

import { LmError } from '../../errors.js';
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
    throw new LmError('usage', `${label('yield-floor', floor.origin)}: needs --yield-to-io beside it`);
  if (isStated && limit && limitRate !== undefined && yieldFloor > limitRate)
    throw new LmError(
      'usage',
      `${label('yield-floor', floor.origin)}: ${floor.text} is above ${label('limit-rate', limit.origin)}, ${limit.text}`,
    );
  return { limitRate, yieldToIo, yieldFloor: Math.min(yieldFloor, limitRate ?? yieldFloor) };
}
