// What forgets a migration without its being complete, where nothing is lost by that. Touches no data.

import { existsSync } from 'node:fs';
import { LmError } from '../../errors.js';
import { readCompletion } from '../../state/completion.js';
import { type Instance, isUsed, removeInstance } from '../../state/instance.js';
import { acquireLock, LOCK_FILE, lockHolder } from '../../state/lock/lock.js';
import { holderText, type LockHolder } from '../../state/lock/lock-holder.js';
import { agentsOf } from '../../state/lock/presence.js';

/** Returns the names of the records that went. Throws `refused` and `locked`. */
export const forgetMigration = (instance: Instance): Promise<string[]> =>
  instance.role === 'source' ? forgetSource(instance) : forgetDestination(instance);

/** An agent of a source, a task at a destination. */
export async function holdersOf({ role, dir, roots }: Instance): Promise<LockHolder[]> {
  if (role === 'source') return (await agentsOf(dir)).map(({ holder }) => holder);
  const holder = await lockHolder(roots);
  return holder === undefined ? [] : [holder];
}

async function forgetSource(instance: Instance): Promise<string[]> {
  const [holder] = await holdersOf(instance);
  if (holder !== undefined)
    throw new LmError('locked', `${instance.name} is in use by ${holderText(holder)}`, { hint: 'end it first' });
  refuseLoss(instance, 'the agent here would be another source to those who copy from it');
  return removeInstance(instance);
}

/** Under the lock of what is there: nobody can be at work in a directory that is gone. */
async function forgetDestination(instance: Instance): Promise<string[]> {
  const there = instance.roots.filter(({ path }) => existsSync(path));
  const lock = await acquireLock(there, { dir: instance.dir, command: 'lm instances --forget' });
  try {
    refuseLoss(instance, 'the next copy would be a first one, which takes --adopt');
    return removeInstance(instance).filter((name) => name !== LOCK_FILE);
  } finally {
    await lock.release();
  }
}

/** Records of directories that are gone, or of nothing, are of use to nobody. */
function refuseLoss(instance: Instance, loss: string): void {
  const { name, dir, roots } = instance;
  if (readCompletion(dir).state === 'COMPLETED' || !isUsed(instance)) return;
  if (!roots.some(({ path }) => existsSync(path))) return;
  throw new LmError('refused', `${name} is not complete: ${loss}`, {
    hint: `lm complete --instance ${name} comes first; with --unverified it gives up what is not to be finished`,
  });
}
