// Which processes have a socket open, as far as the caller may look into them: his own, and for root all.

import { readdirSync, readlinkSync } from 'node:fs';

/** Asked only of a socket that was found, which is seldom: it reads the descriptors of every process. */
export function* socketHolders(inode: string): Generator<number> {
  const held = `socket:[${inode}]`;
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name)))
    try {
      if (readdirSync(`/proc/${pid}/fd`).some((fd) => linkOf(`/proc/${pid}/fd/${fd}`) === held)) yield Number(pid);
    } catch {
      // another user's, or gone
    }
}

function linkOf(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch {
    return undefined; // closed meanwhile
  }
}
