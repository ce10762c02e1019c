// Refuses an output file of lm that the operator names inside a root: it would be among the files that lm serves, copies or compares.

import { realpathSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { LmError, printable } from '../errors.js';
import { isInside } from '../files/roots.js';

/** `option` is the option that names the file. Throws `usage` for a path inside one of the roots, also by way of links. */
export function refuseInsideRoots(option: string, path: string, roots: readonly { key: string; path: string }[]): void {
  const real = join(realPath(dirname(path)), basename(path));
  const root = roots.find((each) => isInside(real, realPath(each.path)));
  if (!root) return;
  throw new LmError('output-file', `${option}: ${printable(path)} lies in ${root.key} (${printable(root.path)})`, {
    hint: 'name a file outside of all roots: it would be among the data, or take the place of some of it',
  });
}

/** A path that does not exist leads into no root, and is returned as it is. */
function realPath(path: string): string {
  try {
    return realpathSync.native(path);
  } catch {
    return path;
  }
}
