// Opens the files that the operator has a report written to. One appears whole or not at all, and takes the place of files only.

import { dirname } from 'node:path';
import { LmError, localError, printable } from '../../errors.js';
import { statIfThere } from '../../files/if-there.js';
import { follow } from '../../trust/trust.js';
import { PendingFile } from '../atomic-file.js';

/** `option` names the file. Throws `usage` for what is no file, or lies behind a link of somebody else's, and `local`. */
export function openReportFile(option: string, path: string): PendingFile {
  try {
    if (statIfThere(path)?.isFile() === false)
      throw new LmError(
        'output-file',
        `${option}: ${printable(path)} is not a file, and the report would take its place`,
        {
          hint: 'name a file',
        },
      );
    const dir = follow(dirname(path), { linksOnly: true });
    if ('why' in dir)
      throw new LmError(
        'output-file',
        `${option}: ${printable(path)} lies behind the link ${printable(dir.path)}, which ${dir.why}`,
        { hint: 'name a file by the directory that it is to be in' },
      );
    return new PendingFile(path);
  } catch (error) {
    throw localError('write', path, error);
  }
}

/** Writes all of a report at once. */
export function writeReportFile(option: string, path: string, pieces: Iterable<Uint8Array>): void {
  const file = openReportFile(option, path);
  try {
    for (const piece of pieces) file.write(piece);
    file.replace();
  } catch (error) {
    throw localError('write', path, error);
  } finally {
    file.discard();
  }
}
