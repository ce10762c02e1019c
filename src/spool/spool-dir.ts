// Makes and removes the directory of a run's temporary files. Other files write them.

import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { localError } from '../errors.js';
import { removeTree } from '../files/if-there.js';
import { makeTemporaryDir } from '../files/temporary-dir.js';

interface SpoolDir {
  readonly path: string;
  remove(): void;
}

/** Makes it in `dir`, readable by its owner alone, and removes what an earlier run left there. Throws `local` when a system call fails. */
export function openSpoolDir(dir: string): SpoolDir {
  const path = join(dir, 'spool');
  try {
    removeTree(path);
    mkdirSync(path, { mode: 0o700 });
  } catch (error) {
    throw localError('create', path, error);
  }
  return { path, remove: () => removeTree(path) };
}

/** For a run that must not write to the state directory. The name is random, so nobody else can put a link there first. Throws `local`. */
export function openTemporarySpoolDir(): SpoolDir {
  const path = makeTemporaryDir('lm-spool-');
  return { path, remove: () => removeTree(path) };
}
