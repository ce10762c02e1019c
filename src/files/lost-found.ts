// The directory that mkfs makes at the top of a file system, and whether there is anything in it.

import { readdirSync } from 'node:fs';
import { errnoOf } from '../errors.js';

/** What mkfs makes at the top of a file system, root's and empty. Whoever may not look into it cannot copy it: it is left out by name. */
export const LOST_FOUND = 'lost+found';

/** Throws the system's error. */
export function holds(directory: string): 'nothing' | 'something' | 'unknown' {
  try {
    return readdirSync(directory).length === 0 ? 'nothing' : 'something';
  } catch (error) {
    if (errnoOf(error) !== 'EACCES') throw error;
    return 'unknown';
  }
}
