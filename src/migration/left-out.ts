// Recalls what an earlier command of this migration left out with --without. It decides which roots there are, so it has to be known before
// their migration is looked up.

import { realpathSync } from 'node:fs';
import type { Remembered } from '../settings/remembered.js';
import { commonSettings, withRemembered } from '../settings/resolve.js';
import { knownRoots } from '../settings/roots.js';
import type { Stated } from '../settings/stated.js';
import { listInstances, type RootPath } from '../state/instance.js';
import { recall } from './this-migration.js';

/** Taken from the migration whose roots are those stated without what it left out; `{}` when there is none. */
export function recallWithout(stated: Stated): Remembered {
  if (!stated.layers.some((layer) => layer.has('cassandra-yaml'))) return {}; // roots that are stated one by one are complete
  const { stateDir } = commonSettings(stated);
  try {
    for (const instance of listInstances(stateDir)) {
      const { roots } = instance;
      const without = recall(instance)?.['without'];
      if (without === undefined) continue;
      const left = knownRoots(withRemembered(stated.layers, { without }));
      if (left.unknown.length === 0 && sameRoots(roots, left.roots)) return { without };
    }
  } catch {} // an unreadable record or file is reported where it is needed
  return {};
}

const sameRoots = (known: readonly RootPath[], stated: ReturnType<typeof knownRoots>['roots']): boolean =>
  known.length === stated.length &&
  stated.every(({ type, index, path }) =>
    known.some((root) => root.key === `${type}/${index}` && root.path === realPath(path)),
  );

function realPath(path: string): string {
  try {
    return realpathSync.native(path);
  } catch {
    return path;
  }
}
