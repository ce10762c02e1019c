// Names lost+found, the directory that mkfs makes, and says whether it has contents.

import { readdirSync } from 'node:fs';
import { errnoOf } from '../../errors.js';

/** mkfs makes it at the top of a file system, empty and owned by root. A user who may not read it cannot copy it, so it counts as excluded. */
export const LOST_FOUND = 'lost+found';

/** Throws the system's error. */
export function contentsOf(directory: string): 'nothing' | 'something' | 'unknown' {
  try {
    return readdirSync(directory).length === 0 ? 'nothing' : 'something';
  } catch (error) {
    if (errnoOf(error) !== 'EACCES') throw error;
    return 'unknown';
  }
}
