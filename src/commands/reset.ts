// `lm reset`: forgets a migration that is complete, or that never came to anything, so that its directories can take part in
// another. Touches no data, and on the source no more than the completion: an agent may be running, and it stays who it is.

import { existsSync } from 'node:fs';
import { LmError } from '../errors.js';
import { EXIT } from '../exit-codes.js';
import type { Io } from '../io.js';
import { createRenderer } from '../render/renderer.js';
import { resolve } from '../settings/resolve.js';
import type { Stated } from '../settings/stated.js';
import { COMPLETION_FILE, clearCompletion, readCompletion } from '../state/completion.js';
import { type Instance, isUsed, removeInstance, rootsText } from '../state/instance.js';
import { acquireLock, LOCK_FILE } from '../state/lock.js';
import { thisMigration } from './this-migration.js';

export async function run(stated: Stated, io: Io): Promise<number> {
  const settings = resolve('reset', stated);
  refuseIfInMap(stated);
  const migration = thisMigration(settings);
  refuseUnlessComplete(migration);
  const removed = migration.role === 'source' ? resetSource(migration) : await resetDestination(migration);
  const renderer = createRenderer({ ...settings, ...io });
  renderer.say('summary', { command: 'reset', ...migration, removed }, lines(migration, removed));
  renderer.close();
  return EXIT.ok;
}

const resetSource = ({ dir }: Instance): string[] => (clearCompletion(dir) ? [COMPLETION_FILE] : []);

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

/** While the map still has the pair, a copy started by habit would find a clean slate. */
function refuseIfInMap({ migration }: Stated): void {
  if (!migration?.pair) return;
  const { source, destination } = migration.pair;
  throw new LmError(
    'refused',
    `this host is still in migration_map (${migration.where}): ${source} to ${destination}`,
    {
      hint: 'take the pair out of the map, then run lm reset again',
    },
  );
}

function refuseUnlessComplete(migration: Instance): void {
  const { role, dir, name } = migration;
  if (readCompletion(dir).state === 'COMPLETED' || (role === 'destination' && !isUsed(migration))) return;
  throw new LmError('refused', `${name} is not complete, and only a completed migration is reset`, {
    hint: "'lm complete' comes first; 'lm complete --unverified' gives up a copy that is not to be finished",
  });
}

const lines = ({ role, dir, roots }: Instance, removed: string[]): string[] => [
  `reset: this ${role} (${rootsText(roots)}) can take part in another migration`,
  `removed from ${dir}: ${removed.join(', ')}`,
];
