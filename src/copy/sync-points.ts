// Syncs from time to time what was written, and records that: after a crash of the machine, later writes are perhaps not on disk.

import type { Roots } from '../files/roots.js';
import { syncFileSystems } from '../linux/sync-file-systems.js';
import { bootId } from '../state/identity/host.js';
import type { Journal } from '../state/journal/journal.js';

export interface SyncPoints {
  /** Resolves when all that was written before is on disk. `rechecked`: every unsynced file was found whole. Throws `local`. */
  now(rechecked?: boolean): Promise<void>;
  /** Syncs again whenever a few more GiB were received. */
  start(received: () => number, abort: (error: Error) => void): void;
  stop(): Promise<void>;
}

const SYNC_EVERY_BYTES = 4 * 1024 ** 3;
const CHECK_EVERY_MS = 1_000;

export function createSyncPoints(roots: Roots, journal: Journal): SyncPoints {
  let timer: NodeJS.Timeout | undefined;
  let running: Promise<void> = Promise.resolve();
  const sync = async (rechecked: boolean): Promise<void> => {
    const beganMs = Date.now();
    await syncFileSystems(roots);
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
        if (received() - last < SYNC_EVERY_BYTES) return;
        last = received();
        now().catch(abort);
      }, CHECK_EVERY_MS);
    },
    async stop() {
      clearInterval(timer);
      await running.catch(() => {}); // whoever called `now` has been given the error
    },
  };
}
