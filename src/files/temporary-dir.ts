// Directories for what lasts no longer than a command. Removes none.

import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { errnoOf, LmError, printable } from '../errors.js';

/** Readable by its owner alone; its name begins with `prefix`. Throws `local`. */
export function makeTemporaryDir(prefix: string): string {
  try {
    return mkdtempSync(join(tmpdir(), prefix));
  } catch (cause) {
    throw new LmError('local', `cannot create a directory in ${printable(tmpdir())}: ${errnoOf(cause)}`, {
      cause,
      hint: 'TMPDIR says where temporary files are put',
    });
  }
}
