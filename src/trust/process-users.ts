// Reads the users that a process runs as. A set-user-id program has several, and may hold descriptors of the user who started it.

import { readFileSync } from 'node:fs';

/** The real, effective, saved and file system user ids; empty when the process is gone. */
export function usersOf(pid: number): number[] {
  try {
    const [, uids] = /^Uid:\s+(.*)$/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))!;
    return uids!.split(/\s+/).map(Number);
  } catch {
    return [];
  }
}
