// Refuses to start where `ulimit -v` leaves fewer addresses than threads and WebAssembly memories reserve: V8 would end the process
// without a message of lm's, or refuse a memory in the middle of the work.

import { readFileSync } from 'node:fs';
import { formatBytes } from './amounts.js';
import { LmError, MEMORY_HINT } from './errors.js';

/** V8 reserves 10 GiB of addresses around each WebAssembly memory: a copy over ten connections reserves 149 GiB, and uses 0.2 GiB. */
const NEEDED_BYTES = 2 ** 40;

/** Throws `local`. */
export function refuseLimitedAddressSpace(limitBytes = limitOfThisProcess()): void {
  if (limitBytes >= NEEDED_BYTES) return;
  const [left, takes] = [limitBytes, NEEDED_BYTES].map(formatBytes);
  throw new LmError('memory', `not enough memory: ulimit -v leaves ${left} of addresses, takes ${takes} or no limit`, {
    hint: MEMORY_HINT,
  });
}

/** Infinite on any system but Linux, which alone has this file. */
function limitOfThisProcess(): number {
  const [, soft] = /^Max address space +(\d+)/m.exec(limits()) ?? [];
  return soft === undefined ? Number.POSITIVE_INFINITY : Number(soft);
}

function limits(): string {
  try {
    return readFileSync('/proc/self/limits', 'latin1');
  } catch {
    return '';
  }
}
