// What a caller gives a run beside the migration.

import type { Emit } from '../events.js';

export interface Listener {
  /** Receives every event of the run; nothing in the run waits for it. */
  emit: Emit;
  /** What others are told who find the destination locked; the run's own command where it is missing. */
  command?: string;
  /** The status that is sent to a process of this host that asks who holds the destination; see `acquireLock`. */
  status?: () => object;
  /** Stops the run, which then throws its reason, an `LmError`. */
  signal: AbortSignal;
}
