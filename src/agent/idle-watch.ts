// Whether an agent is still asked for anything: one that nobody asks any more may close itself.

import type { RunningServer, ServedRequest } from './server.js';

/** Node fires a timer of more than 24.8 days at once. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** A source that nobody asks any more closes itself; requests that were turned away do not keep it open. */
export function idleWatch(expireAfterMs: number | undefined) {
  let lastMs = performance.now();
  return {
    served({ status }: ServedRequest): void {
      if (status !== 401 && status !== 403 && status !== 421) lastMs = performance.now();
    },
    async expired(server: RunningServer): Promise<void> {
      if (expireAfterMs === undefined) return new Promise(() => {});
      for (;;) {
        const leftMs = lastMs + expireAfterMs - performance.now();
        if (leftMs <= 0 && server.active() === 0) return;
        const waitMs = Math.min(LONGEST_TIMER_MS, Math.max(leftMs, 100));
        await new Promise((resolve) => setTimeout(resolve, waitMs).unref());
      }
    },
  };
}
