// Makes directories for files that last no longer than a command. The caller removes them.

import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { errnoOf, LmError, printable } from '../errors.js';

/** Only its owner can read the directory; its name begins with `prefix`. Throws `local`. */
export function makeTemporaryDir(prefix: string): string {
  try {
    return mkdtempSync(join(tmpdir(), prefix));
  } catch (cause) {
    throw new LmError('temporary-dir', `cannot create a directory in ${printable(tmpdir())}: ${errnoOf(cause)}`, {
      cause,
      hint: 'TMPDIR says where temporary files are put',
    });
  }
}
