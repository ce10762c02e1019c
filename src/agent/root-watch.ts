// Checks that the roots are still the directories that the agent was started with: an unmounted disk must not look like an empty one.

import { type BigIntStats, closeSync, constants, fstatSync, openSync } from 'node:fs';
import { errnoOf, LmError, localError, printable } from '../errors.js';
import { marksOf } from '../files/directory-marks.js';
import type { ListedRoot } from '../files/listing.js';
import type { Root, Roots } from '../files/roots.js';

/**
 * Stats every root now, and returns a function that stats and compares them again. `given` are the paths that the operator gave, in the
 * order of `roots`: a link in them may lead elsewhere by then. Throws `local` for a root that cannot be read. The returned function throws
 * `refused` for a root that is lost (replaced, missing, or unreadable for this user) until an operator acts; `local` for other errors.
 */
export function watchRoots(roots: Roots, given: readonly string[]): () => ListedRoot[] {
  const atStart = roots.map((root) => statRoot(root, root.path));
  return () =>
    roots.map((root, i) => {
      const stat = statAgain(root, root.path);
      for (const { dev, ino } of given[i] === root.path ? [stat] : [stat, statAgain(root, given[i]!)])
        if (dev !== atStart[i]!.dev || ino !== atStart[i]!.ino) throw replaced(root, given[i]!);
      return {
        key: root.key,
        path: root.path,
        ...marksOf(root.path, stat),
        mode: Number(stat.mode),
        uid: Number(stat.uid),
        gid: Number(stat.gid),
      };
    });
}

function statRoot(root: Root, path: string): BigIntStats {
  try {
    return statDirectory(path);
  } catch (error) {
    throw localError(`read root ${root.key}`, path, error);
  }
}

function statAgain(root: Root, path: string): BigIntStats {
  try {
    return statDirectory(path);
  } catch (error) {
    const code = errnoOf(error) ?? '';
    if (LOST.has(code)) throw lost(`cannot read root ${root.key} any more: ${printable(path)}: ${code}`);
    throw localError(`read root ${root.key}`, path, error);
  }
}

/** Errors that waiting does not end. A failing disk, or a full table of open files, may recover. */
const LOST = new Set(['ENOENT', 'ENOTDIR', 'ELOOP', 'EACCES', 'EPERM', 'ESTALE', 'ENOTCONN']);

function statDirectory(path: string): BigIntStats {
  const fd = openSync(path, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    return fstatSync(fd, { bigint: true });
  } finally {
    closeSync(fd);
  }
}

const replaced = (root: Root, given: string): LmError =>
  lost(`root ${root.key} is another directory than when lm serve began: ${printable(given)}`);

const lost = (message: string): LmError =>
  new LmError('root-lost', message, {
    hint: 'mount what belongs there, or start lm serve again if it is meant to be this one',
  });
