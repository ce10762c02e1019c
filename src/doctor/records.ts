// Looks at the records of this host: who can write the state directory, whether there is room in it, whether the migration is complete.

import { statfs } from 'node:fs/promises';
import { dirname } from 'node:path';
import { formatBytes } from '../amounts.js';
import { errnoOf, LmError, printable } from '../errors.js';
import { statIfThere } from '../files/if-there.js';
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
      failed('records', new LmError('local', full, { hint: 'free some space there, or give another --state-dir' })),
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
    return [failed('completed', new LmError('refused', `this migration is complete here, since ${since}`, { hint }))];
  } catch (error) {
    if (error instanceof LmError) return [failed('completed', error)];
    throw error;
  }
}

interface Free {
  device: bigint;
  freeBytes: bigint;
  /** Undefined where inodes are made as they are needed. */
  freeInodes: bigint | undefined;
}

/** What is free for users on the file system of a path, which need not exist yet. Throws `local`. */
export async function freeAt(path: string): Promise<Free> {
  try {
    const found = statIfThere(path);
    if (!found && path !== dirname(path)) return freeAt(dirname(path));
    const { bavail, bsize, files, ffree } = await statfs(path, { bigint: true });
    return { device: found?.dev ?? 0n, freeBytes: bavail * bsize, freeInodes: files === 0n ? undefined : ffree };
  } catch (cause) {
    throw new LmError('local', `cannot examine the file system of ${printable(path)}: ${errnoOf(cause)}`, { cause });
  }
}
