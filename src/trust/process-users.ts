// As which users a process runs. A set-user-id program runs as several, and its descriptors may be those of whoever has started it.

import { readFileSync } from 'node:fs';

/** Real, effective, saved, and of the file system; empty when the process is gone. */
export function usersOf(pid: number): number[] {
  try {
    const [, uids] = /^Uid:\s+(.*)$/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))!;
    return uids!.split(/\s+/).map(Number);
  } catch {
    return [];
  }
}
