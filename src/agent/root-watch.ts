// Whether the roots are still the directories the agent was started for. An unmounted disk must not pass for an empty one.

import { type BigIntStats, closeSync, constants, fstatSync, openSync } from 'node:fs';
import { errnoOf, LmError, localError, printable } from '../errors.js';
import { marksOf } from '../files/directory-marks.js';
import type { ListedRoot } from '../files/entry.js';
import type { Root, Roots } from '../files/roots.js';

/**
 * Looks at every root now, and returns a function that looks again. `given` are the paths the operator gave, in the order of `roots`: a
 * link in them may lead elsewhere by then. Throws `local` for a root that cannot be read. The returned function throws `refused` for one
 * that is lost: replaced, missing or closed to this user, which stays so until somebody acts; and `local` for what may pass.
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

/** Of what nobody mends by waiting; a disk or a table of open files may recover. */
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
  new LmError('refused', message, {
    hint: 'mount what belongs there, or start lm serve again if it is meant to be this one',
  });
