// What forgets a migration: on the source no more than its completion, at the destination all its records. Touches no data.

import { existsSync } from 'node:fs';
import { LmError } from '../../errors.js';
import { COMPLETION_FILE, clearCompletion, readCompletion } from '../../state/completion.js';
import { type Instance, isUsed, removeInstance } from '../../state/instance.js';
import { acquireLock, LOCK_FILE } from '../../state/lock/lock.js';
import { forgetReopening, REOPENING_FILE } from '../../state/reopening.js';
import { noteReset, readReset } from '../../state/reset-note.js';

/** Returns the names of the records that went. Throws `refused` for one that is not complete, and `locked`. */
export async function resetMigration(migration: Instance): Promise<string[]> {
  refuseUnlessComplete(migration);
  return migration.role === 'source' ? resetSource(migration) : await resetDestination(migration);
}

/** When a source was reset that was not served since. A destination's records are gone after it. */
export const resetBefore = ({ role, dir }: Instance): number | undefined =>
  role === 'source' && readCompletion(dir).state !== 'COMPLETED' ? readReset(dir) : undefined;

function resetSource({ dir, stranger }: Instance): string[] {
  if (stranger === undefined) noteReset(dir); // first: between the two it is complete, and is reset again
  return [...(clearCompletion(dir) ? [COMPLETION_FILE] : []), ...(forgetReopening(dir) ? [REOPENING_FILE] : [])];
}

async function resetDestination(migration: Instance): Promise<string[]> {
  const there = migration.roots.filter(({ path }) => existsSync(path)); // nobody can be at work in one that is gone
  const lock = await acquireLock(there, { dir: migration.dir, command: 'lm reset' });
  try {
    refuseUnlessComplete(migration);
    return removeInstance(migration).filter((name) => name !== LOCK_FILE); // our own
  } finally {
    await lock.release();
  }
}

function refuseUnlessComplete(migration: Instance): void {
  const { role, dir, name } = migration;
  if (readCompletion(dir).state === 'COMPLETED' || (role === 'destination' && !isUsed(migration))) return;
  throw new LmError('refused', `${name} is not complete, and only a completed migration is reset`, {
    hint: "'lm complete' comes first; 'lm complete --unverified' gives up a copy that is not to be finished",
  });
}
