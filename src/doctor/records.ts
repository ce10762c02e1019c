// Looks at the records of this host: who can write the state directory, whether there is room in it, whether the migration is complete.

import { formatBytes } from '../amounts.js';
import { LmError, printable } from '../errors.js';
import { freeAt } from '../guards/guard-space.js';
import { readCompletion } from '../state/completion.js';
import { refuseUntrustedPath } from '../state/identity/trusted-records.js';
import type { Instance } from '../state/instance.js';
import { type Finding, failed, ok } from './finding.js';

/** What a listing that is set aside leaves free (`listing/listing-size.ts`), and so the least with which a run begins. */
const NEEDED_BYTES = 64n << 20n;

export async function recordFindings(stateDir: string): Promise<Finding[]> {
  try {
    refuseUntrustedPath(stateDir);
    const { freeBytes } = await freeAt(stateDir);
    const where = `${printable(stateDir)}: ${formatBytes(Number(freeBytes))} free`;
    if (freeBytes >= NEEDED_BYTES) return [ok('records', where)];
    const full = `too little space for records in ${where}, takes ${formatBytes(Number(NEEDED_BYTES))}`;
    return [
      failed('records', new LmError('no-space', full, { hint: 'free some space there, or give another --state-dir' })),
    ];
  } catch (error) {
    if (error instanceof LmError) return [failed('records', error)];
    throw error;
  }
}

export function completionFindings({ dir }: Pick<Instance, 'dir'>): Finding[] {
  try {
    const { state, endTime } = readCompletion(dir);
    if (state !== 'COMPLETED') return [ok('completed', 'not here')];
    const since = new Date(endTime).toISOString();
    const hint = 'if another is to begin: lm reset';
    return [
      failed('completed', new LmError('already-complete', `this migration is complete here, since ${since}`, { hint })),
    ];
  } catch (error) {
    if (error instanceof LmError) return [failed('completed', error)];
    throw error;
  }
}
