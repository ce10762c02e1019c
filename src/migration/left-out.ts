// What an earlier command of this migration was told to leave out with --without. It says which roots there are, so it must be known
// before the migration they are of is looked up.

import { realpathSync } from 'node:fs';
import type { Remembered } from '../settings/remembered.js';
import { commonSettings, withMemory } from '../settings/resolve.js';
import { knownRoots } from '../settings/roots.js';
import type { Stated } from '../settings/stated.js';
import { listInstances, type RootPath } from '../state/instance.js';
import { recall } from './this-migration.js';

/** Of the migration that has just the roots which are left of those stated; `{}` when there is none. */
export function recallWithout(stated: Stated): Remembered {
  if (!stated.layers.some((layer) => layer.has('cassandra-yaml'))) return {}; // roots that are named one by one are all there are
  const { stateDir } = commonSettings(stated);
  try {
    for (const instance of listInstances(stateDir)) {
      const { roots } = instance;
      const without = recall(instance)?.['without'];
      if (without === undefined) continue;
      const left = knownRoots(withMemory(stated.layers, { without }));
      if (left.unknown.length === 0 && sameRoots(roots, left.roots)) return { without };
    }
  } catch {} // whoever reads that record, or that file, for its own sake says what is wrong with it
  return {};
}

const sameRoots = (known: readonly RootPath[], stated: ReturnType<typeof knownRoots>['roots']): boolean =>
  known.length === stated.length &&
  stated.every(({ type, index, path }) =>
    known.some((root) => root.key === `${type}/${index}` && root.path === realIfThere(path)),
  );

function realIfThere(path: string): string {
  try {
    return realpathSync.native(path);
  } catch {
    return path;
  }
}
