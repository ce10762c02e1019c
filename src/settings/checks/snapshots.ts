// Checks and reads the option that says of which live directories the roots of an agent are snapshots.

import { LmError } from '../../errors.js';
import { find, type Layers, label, pick } from '../layers.js';
import { numbered, type StatedRoot } from '../roots.js';
import type { OnRoots, ServeSettings } from '../settings.js';

/**
 * The directories of --as, numbered as the roots are; none without it. Throws `usage` where they are not as many of a type as there are
 * roots, since which of several is a snapshot could not be told, and where the roots are not snapshots that were named.
 */
export function liveRootsIn(
  layers: Layers,
  serves: ServeSettings['serves'],
  { roots, cassandra }: Pick<OnRoots, 'roots' | 'cassandra'>,
): StatedRoot[] {
  const dirs = pick(layers, 'as');
  if (dirs.length === 0) return [];
  const where = label('as', find(layers, 'as')!.origin);
  if (serves !== 'source') throw new LmError('usage', `${where}: only a source serves snapshots`);
  if (cassandra)
    throw new LmError('settings-conflict', `${where}: cassandra.yaml names the live directories`, {
      hint: 'give the directory of each snapshot with --root TYPE=DIR, and no --cassandra-yaml',
    });
  const live = numbered(dirs, where);
  for (const { type } of live) {
    const [stated, named] = [roots, live].map((some) => some.filter((root) => root.type === type).length);
    if (stated !== named)
      throw new LmError(
        'usage',
        `${where}: got ${named} of type ${type}, takes one for each root of it, of which there are ${stated}`,
      );
  }
  return live;
}
