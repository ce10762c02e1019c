// Reads from /proc what storage-dir.ts needs to know of this host: its processes, and how they name paths.

import { existsSync, readdirSync, readFileSync, readlinkSync, realpathSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { geteuid } from 'node:process';
import { readMounts, seenFrom } from '../../linux/mounts.js';
import { usersOf } from '../../trust/process-users.js';
import type { CommandLine, Host } from './storage-dir.js';

export const thisHost: Host = {
  *processes(): Generator<CommandLine> {
    for (const name of readdirSync('/proc')) {
      const argv = /^\d+$/.test(name) ? commandLine(name) : [];
      if (argv.length > 0) yield { pid: Number(name), argv, users: usersOf(Number(name)) };
    }
  },
  trusted: (file) => [0, geteuid!(), statSync(file).uid],
  toLocalPath(pid, path) {
    try {
      const absolute = path.startsWith('/') ? path : join(readlinkSync(`/proc/${pid}/cwd`), path);
      return sharesMounts(pid) ? absolute : throughMounts(pid, absolute);
    } catch {
      return undefined; // the process is of another user, or has ended
    }
  },
  realPath,
  exists: existsSync,
};

/** Any user may read it. Empty for a kernel thread and for a process that has ended. */
function commandLine(pid: string): string[] {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').slice(0, -1);
  } catch {
    return [];
  }
}

/** A process that cannot be inspected is assumed to share this one's mount namespace, as most do. */
function sharesMounts(pid: number): boolean {
  try {
    return readlinkSync(`/proc/${pid}/ns/mnt`) === readlinkSync('/proc/self/ns/mnt');
  } catch {
    return true;
  }
}

/** A service of systemd often has a mount namespace of its own with the same paths as here: then the same path is meant. */
function throughMounts(pid: number, path: string): string | undefined {
  const names = seenFrom(readMounts('self'), path, readMounts(pid));
  return names.includes(path) ? path : names[0];
}

function realPath(path: string): string {
  try {
    return realpathSync.native(path);
  } catch {
    const above = dirname(path);
    return above === path ? path : join(realPath(above), path.slice(above.length));
  }
}
