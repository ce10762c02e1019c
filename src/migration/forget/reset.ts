// Resets a complete migration: removes the completion at the source, and all records at the destination, with what copies have left
// unfinished there. Removes no data.

import { existsSync } from 'node:fs';
import { LmError } from '../../errors.js';
import { COMPLETED_OVER_HTTP_FILE, forgetCompletedOverHttp } from '../../state/completed-over-http.js';
import { COMPLETION_FILE, clearCompletion, readCompletion } from '../../state/completion.js';
import { keepEvidence } from '../../state/evidence/evidence-file.js';
import { type Instance, isUsed } from '../../state/instance.js';
import { acquireLock } from '../../state/lock/lock.js';
import { forgetReopening, REOPENING_FILE } from '../../state/reopening.js';
import { readReset, recordReset } from '../../state/reset-note.js';
import { type Forgotten, refuseIfServed, removeRecords } from './forget.js';
import { removeLeftParts } from './left-parts.js';

/** Throws `refused` for a migration that is not complete, `locked`, and `local`, as when its evidence cannot be kept: nothing is removed then. */
export async function resetMigration(migration: Instance): Promise<Forgotten> {
  refuseUnlessComplete(migration);
  return migration.role === 'source' ? resetSource(migration) : await resetDestination(migration);
}

/** When a source was reset, if it has not been served since. A destination has no records after a reset. */
export const resetBefore = ({ role, dir }: Instance): number | undefined =>
  role === 'source' && readCompletion(dir).state !== 'COMPLETED' ? readReset(dir) : undefined;

function resetSource({ dir, untrusted }: Instance): Forgotten {
  const kept = untrusted === undefined ? keepEvidence(dir, 'reset') : undefined;
  if (untrusted === undefined) recordReset(dir); // first: after a crash between the two, it is still complete and can be reset again
  const removed = [
    ...(clearCompletion(dir) ? [COMPLETION_FILE] : []),
    ...(forgetReopening(dir) ? [REOPENING_FILE] : []),
    ...(forgetCompletedOverHttp(dir) ? [COMPLETED_OVER_HTTP_FILE] : []),
  ];
  return { removed, ...(kept !== undefined && { report: kept }) };
}

async function resetDestination(migration: Instance): Promise<Forgotten> {
  await refuseIfServed(migration);
  const there = migration.roots.filter(({ path }) => existsSync(path)); // no task can be at work in a root that is gone
  const lock = await acquireLock(there, { dir: migration.dir, command: 'lm reset' });
  try {
    refuseUnlessComplete(migration);
    const parts = removeLeftParts(migration); // first: the records name them
    return { ...removeRecords(migration, 'reset'), ...(parts.removed + parts.kept.length > 0 && { parts }) };
  } finally {
    await lock.release();
  }
}

function refuseUnlessComplete(migration: Instance): void {
  const { role, dir, name } = migration;
  if (readCompletion(dir).state === 'COMPLETED' || (role === 'destination' && !isUsed(migration))) return;
  throw new LmError('not-complete', `${name} is not complete, and only a completed migration is reset`, {
    hint: "'lm complete' comes first; 'lm complete --unverified' gives up a copy that is not to be finished",
  });
}
