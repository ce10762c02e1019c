// Reads how many files and sockets this process may have open. Node raises the soft limit to the hard limit when it starts.

import { readFileSync } from 'node:fs';

/** The default of many systems, assumed where /proc does not have the limit. */
const DEFAULT_LIMIT = 1024;

export function openFileLimit(): number {
  try {
    const soft = /^Max open files +(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1];
    return Number(soft ?? DEFAULT_LIMIT);
  } catch {
    return DEFAULT_LIMIT;
  }
}
