// What is said of options that need each other, or exclude each other.

import { LmError } from '../../errors.js';
import { find, type Layers, label, pick } from '../layers.js';
import type { OptionName } from '../options.js';

export function needTogether(layers: Layers, given: OptionName, needed: OptionName): void {
  const found = find(layers, given);
  if (found && !find(layers, needed))
    throw new LmError('settings-conflict', `${label(given, found.origin)}: needs --${needed} beside it`);
}

export function refuseBoth(layers: Layers, one: OptionName, other: OptionName): void {
  if (pick(layers, one) && pick(layers, other))
    throw new LmError('settings-conflict', `--${one} and --${other} exclude each other`);
}
