// Where lm may write a file that the operator names: not among the files that it serves, copies or compares. Opens nothing.

import { realpathSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { LmError, printable } from '../errors.js';
import { isWithin } from '../files/entry.js';

/** `option`: what names it. Throws `usage` for a path that lies in one of the roots, through links as well. */
export function refuseAmongRoots(option: string, path: string, roots: readonly { key: string; path: string }[]): void {
  const place = join(real(dirname(path)), basename(path));
  const root = roots.find((each) => isWithin(place, real(each.path)));
  if (!root) return;
  throw new LmError('usage', `${option}: ${printable(path)} lies in ${root.key} (${printable(root.path)})`, {
    hint: 'name a file outside of all roots: it would be among the data, or take the place of some of it',
  });
}

/** What is not there is no way into a root either. */
function real(path: string): string {
  try {
    return realpathSync.native(path);
  } catch {
    return path;
  }
}
