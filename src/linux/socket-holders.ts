// Finds the processes that have a socket open, as far as the caller may inspect processes: its own, or all for root.

import { readdirSync, readlinkSync } from 'node:fs';

/** Reads the descriptors of every process, so it is used only for a listener that was found. */
export function* socketHolders(inode: string): Generator<number> {
  const held = `socket:[${inode}]`;
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name)))
    try {
      if (readdirSync(`/proc/${pid}/fd`).some((fd) => linkOf(`/proc/${pid}/fd/${fd}`) === held)) yield Number(pid);
    } catch {
      // the process is another user's, or gone
    }
}

function linkOf(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch {
    return undefined; // closed meanwhile
  }
}
