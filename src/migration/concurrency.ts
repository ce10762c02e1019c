// Decides how many requests a run may have at once: as many as the operator wants, and no more than the source takes.

import type { Emit } from '../events.js';
import type { Source } from '../source/source.js';

/** Reports a lower number: the source would refuse more requests at once. */
export function concurrencyAt({ maxConcurrentFileRequests: cap }: Source, wanted: number, emit: Emit): number {
  if (cap === undefined || cap >= wanted) return wanted;
  emit({ type: 'settings', text: `concurrency ${cap}, not ${wanted}: the source takes no more at once` });
  return cap;
}
