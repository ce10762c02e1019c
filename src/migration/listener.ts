// What whoever starts a run has to give it beside the migration.

import type { Emit } from '../events.js';

export interface Listener {
  /** Hears of everything as it happens; nothing in the run waits for it. */
  emit: Emit;
  /** What another process of this host hears that asks who holds the destination; see `acquireLock`. */
  says?: () => object;
  /** Stops the run, which then throws its reason, an `LmError`. */
  signal: AbortSignal;
}
