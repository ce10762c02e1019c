// The directory of a run's temporary files: there before the first of them, gone with all of them. Writes none itself.

import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { localError } from '../errors.js';
import { removeTree } from '../files/if-there.js';
import { makeTemporaryDir } from '../files/temporary-dir.js';

export interface SpoolDir {
  readonly path: string;
  remove(): void;
}

/** Made in `dir`, readable by its owner alone, without what another run has left there. Throws `local` when the disk refuses. */
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

/** Where records are not written to, and nobody else can lay a link in its way. Throws `local`. */
export function openPassingSpoolDir(): SpoolDir {
  const path = makeTemporaryDir('lm-spool-');
  return { path, remove: () => removeTree(path) };
}
