// Makes sure, now and then, that what was written is on disk, and writes that down: after a crash of the machine the rest is suspect.

import { execFile } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { promisify } from 'node:util';
import { LmError, printable } from '../errors.js';
import type { Roots } from '../files/roots.js';
import { type Mounts, pointsBelow, readMounts } from '../linux/mounts.js';
import { bootId } from '../state/identity/host.js';
import type { Journal } from '../state/journal/journal.js';

export interface SyncPoints {
  /** Returns when all that was written before is on disk. `rechecked`: no file is suspect any more. Throws `local`. */
  now(rechecked?: boolean): Promise<void>;
  /** One more for every few GiB received. */
  start(received: () => number, abort: (error: Error) => void): void;
  stop(): Promise<void>;
}

const EVERY_BYTES = 4 * 1024 ** 3;
const LOOK_MS = 1_000;

export function createSyncPoints(roots: Roots, journal: Journal): SyncPoints {
  let timer: NodeJS.Timeout | undefined;
  let running: Promise<void> = Promise.resolve();
  const sync = async (rechecked: boolean): Promise<void> => {
    const beganMs = Date.now();
    await syncFileSystems(roots.flatMap(({ path }) => [path, ...pointsBelow(mounts(), path)]));
    journal.append({ type: 'sync-point', boot: bootId(), beganMs, ...(rechecked && { rechecked }) });
  };
  const now = (rechecked = false): Promise<void> => {
    running = running.then(() => sync(rechecked));
    return running;
  };
  return {
    now,
    start(received, abort) {
      let last = received();
      timer = setInterval(() => {
        if (received() - last < EVERY_BYTES) return;
        last = received();
        now().catch(abort);
      }, LOOK_MS);
    },
    async stop() {
      clearInterval(timer);
      await running.catch(() => {}); // whoever asked for it has heard
    },
  };
}

/** Where there is no such table, what is mounted below a root is not known. */
function mounts(): Mounts {
  try {
    return readMounts('self');
  } catch {
    return [];
  }
}

/** `sync` opens what it is given; a root that is closed to its owner it cannot. */
function isReadable(path: string): boolean {
  try {
    accessSync(path, constants.R_OK);
    return true;
  } catch {
    return false;
  }
}

/** syncfs(2) by way of coreutils' `sync -f`: Node has no call for it, and an fsync per file would cost more than the copy. */
async function syncFileSystems(paths: string[]): Promise<void> {
  const all = paths.every(isReadable) ? ['-f', '--', ...paths] : []; // else every file system there is
  try {
    await promisify(execFile)('sync', all);
  } catch (cause) {
    const said = (cause as { stderr?: string }).stderr || (cause as Error).message;
    const reason = printable(said.trim().split('\n')[0]!);
    throw new LmError('local', `cannot sync ${paths.map(printable).join(', ')}: ${reason}`, {
      cause,
      hint: 'the disk may be failing: look at the kernel log before going on',
    });
  }
}
