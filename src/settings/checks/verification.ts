// The options that say how a verification goes about it, and which of them exclude each other.

import { LmError } from '../../errors.js';
import { find, type Layers, label, pick } from '../layers.js';
import type { OptionName } from '../options.js';
import type { SettingsOf } from '../settings.js';

type How = Pick<SettingsOf['verify'], 'algo' | 'incremental' | 'offline' | 'live' | 'repair'>;

/** Why two options are not given together. */
const EXCLUSIVE: readonly [OptionName, OptionName, why: string][] = [
  ['offline', 'incremental', 'the one reads every file here, the other as few as it can'],
  ['offline', 'live', 'without a source there is none that is in use'],
  ['offline', 'sstables', 'SSTables are judged by what the source has of them'],
  ['repair', 'offline', 'what is wrong here is taken from the source'],
  ['repair', 'live', 'a source in use may write to a file while it is taken from there'],
  [
    'repair',
    'sstables',
    'SSTables are judged as they were before; --repair takes nothing of one that is damaged at the source',
  ],
  ['incremental', 'sstables', 'SSTables are checked by reading all of them'],
  ['live', 'sstables', 'an SSTable of which a copy has yet to bring a component is not damaged'],
];

/**
 * Throws `usage`. What the ledger keeps is an XXH64 of each MiB, so another digest cannot be asked of it: on the command line that is an
 * error, while what a settings file says for every verification holds for the others.
 */
export function howToVerify(layers: Layers): How {
  for (const [one, other, why] of EXCLUSIVE)
    if (pick(layers, one) && pick(layers, other)) throw excluded(layers, one, other, why);
  const how = {
    algo: pick(layers, 'algo'),
    incremental: pick(layers, 'incremental'),
    offline: pick(layers, 'offline'),
    live: pick(layers, 'live'),
    repair: pick(layers, 'repair'),
  };
  const byLedger = how.incremental ? 'incremental' : how.offline ? 'offline' : undefined;
  if (byLedger && layers[0].has('algo'))
    throw excluded(layers, byLedger, 'algo', 'what is kept is an XXH64 of each MiB, and no other digest');
  return how;
}

const excluded = (layers: Layers, one: OptionName, other: OptionName, why: string): LmError =>
  new LmError('settings-conflict', `${stated(layers, one)} and ${stated(layers, other)} exclude each other: ${why}`);

const stated = (layers: Layers, name: OptionName): string => label(name, find(layers, name)!.origin);
