// How many requests a run may have under way at once: what the operator wants, and no more than the source takes. Starts none.

import type { Emit } from '../events.js';
import type { Source } from '../source/source.js';

/** More at once than the source takes would only be sent away again; a lower number is told. */
export function concurrencyAt({ maxConcurrentFileRequests: cap }: Source, wanted: number, emit: Emit): number {
  if (cap === undefined || cap >= wanted) return wanted;
  emit({ type: 'settings', text: `concurrency ${cap}, not ${wanted}: the source takes no more at once` });
  return cap;
}
