// Ends an agent that has had no request for a while (`--expire-after`).

import type { RunningServer, ServedRequest } from './server.js';

/** Node fires a timer of more than 24.8 days without delay. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/** Requests that were refused for want of credentials do not keep the agent open. */
export function idleWatch(expireAfterMs: number | undefined) {
  let lastMs = performance.now();
  return {
    served({ status }: ServedRequest): void {
      if (status !== 401 && status !== 403 && status !== 421) lastMs = performance.now();
    },
    /** What is under way keeps it open. */
    async expired(server: Pick<RunningServer, 'active'>): Promise<void> {
      if (expireAfterMs === undefined) return new Promise(() => {});
      for (;;) {
        if (server.active() > 0) lastMs = performance.now();
        const leftMs = lastMs + expireAfterMs - performance.now();
        if (leftMs <= 0 && server.active() === 0) return;
        const waitMs = Math.min(MAX_TIMER_MS, Math.max(leftMs, 100));
        await new Promise((resolve) => setTimeout(resolve, waitMs).unref());
      }
    },
  };
}
