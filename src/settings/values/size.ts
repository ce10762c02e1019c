// The type of options that are an amount of bytes.

import { type OptionType, rate } from '../types.js';
import { parseSize } from '../units.js';

/** Bytes. */
export const size: OptionType<number> = {
  metavar: 'BYTES',
  takes: 'an amount with its unit, such as 256MiB or 1GB',
  parse: (given) => parseSize(given),
  suggest(given) {
    const guess = rate.suggest?.(given)?.replace(/\/s$/, '');
    return guess !== undefined && parseSize(guess) !== undefined ? guess : undefined;
  },
};
