// Whether the roots are still the directories the agent was started for. An unmounted disk must not pass for an empty one.

import { type BigIntStats, closeSync, constants, fstatSync, openSync } from 'node:fs';
import { LmError, localError, printable } from '../errors.js';
import type { ListedRoot } from '../files/entry.js';
import type { Root, Roots } from '../files/roots.js';

/** Looks at every root now, and returns a function that looks again. Both throw `local` for one that is missing or unreadable. */
export function watchRoots(roots: Roots): () => ListedRoot[] {
  const atStart = roots.map(statRoot);
  return () =>
    roots.map((root, i) => {
      const stat = statRoot(root);
      if (stat.dev !== atStart[i]!.dev || stat.ino !== atStart[i]!.ino) throw replaced(root);
      return {
        key: root.key,
        path: root.path,
        ino: `${stat.ino}`,
        mode: Number(stat.mode),
        uid: Number(stat.uid),
        gid: Number(stat.gid),
      };
    });
}

function statRoot(root: Root): BigIntStats {
  try {
    const fd = openSync(root.path, constants.O_RDONLY | constants.O_DIRECTORY);
    try {
      return fstatSync(fd, { bigint: true });
    } finally {
      closeSync(fd);
    }
  } catch (error) {
    throw localError(`read root ${root.key}`, root.path, error);
  }
}

const replaced = (root: Root): LmError =>
  new LmError('local', `root ${root.key} is another directory than when lm serve began: ${printable(root.path)}`, {
    hint: 'mount what belongs there, or start lm serve again if it is meant to be this one',
  });
