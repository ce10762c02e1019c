// Forgets a migration that is not complete, where nothing is lost by that. Removes records and no data.

import { existsSync } from 'node:fs';
import { LmError } from '../../errors.js';
import { readCompletion } from '../../state/completion.js';
import { keepEvidence } from '../../state/evidence/evidence-file.js';
import { type Instance, isUsed, removeInstance } from '../../state/instance.js';
import { acquireLock, LOCK_FILE, lockHolder } from '../../state/lock/lock.js';
import { holderText, type LockHolder } from '../../state/lock/lock-holder.js';
import { agentsOf } from '../../state/lock/presence.js';
import type { LeftParts } from './left-parts.js';

export interface Forgotten {
  /** The names of the removed records. */
  removed: string[];
  /** Under which `lm report` finds the evidence again; absent when there is none. */
  report?: string;
  /** Unfinished files; absent where there were none. */
  parts?: LeftParts;
}

/** Throws `refused`, `locked` and `local`, as when the evidence of a migration cannot be kept: nothing is removed then. */
export const forgetMigration = (instance: Instance): Promise<Forgotten> =>
  instance.role === 'source' ? forgetSource(instance) : forgetDestination(instance);

/** The task at a destination, and the agents. */
export async function holdersOf({ role, dir, roots }: Instance): Promise<LockHolder[]> {
  const agents = (await agentsOf(dir)).map(({ holder }) => holder);
  const task = role === 'destination' ? await lockHolder(roots) : undefined;
  return [...(task === undefined ? [] : [task]), ...agents];
}

async function forgetSource(instance: Instance): Promise<Forgotten> {
  await refuseIfServed(instance);
  refuseLoss(instance, 'the agent here would be another source to those who copy from it');
  return removeRecords(instance, 'forgotten');
}

/** Keeps the evidence, unless nothing has come of the migration, or the records are another user's. */
export function removeRecords(instance: Instance, how: 'reset' | 'forgotten'): Forgotten {
  const isKept = instance.untrusted === undefined && isUsed(instance);
  const report = isKept ? keepEvidence(instance.dir, how) : undefined;
  const removed = removeInstance(instance).filter((name) => name !== LOCK_FILE); // our own
  return { removed, ...(report !== undefined && { report }) };
}

/** Records are not taken away from an agent that goes by them. Throws `locked`. */
export async function refuseIfServed({ name, dir }: Pick<Instance, 'name' | 'dir'>): Promise<void> {
  const [agent] = await agentsOf(dir);
  if (agent === undefined) return;
  throw new LmError('locked', `${name} is in use by ${holderText(agent.holder)}`, { hint: 'end it first' });
}

/** Locks the roots that exist: no task can be at work in a directory that is gone. */
async function forgetDestination(instance: Instance): Promise<Forgotten> {
  await refuseIfServed(instance);
  const there = instance.roots.filter(({ path }) => existsSync(path));
  const lock = await acquireLock(there, { dir: instance.dir, command: 'lm instances --forget' });
  try {
    refuseLoss(instance, 'the next copy would be a first one, which takes --adopt');
    return removeRecords(instance, 'forgotten');
  } finally {
    await lock.release();
  }
}

/** Records of directories that are gone, or of refused runs, are of no use: those may always be removed. */
function refuseLoss(instance: Instance, loss: string): void {
  const { name, dir, roots } = instance;
  if (readCompletion(dir).state === 'COMPLETED' || !isUsed(instance)) return;
  if (!roots.some(({ path }) => existsSync(path))) return;
  throw new LmError('not-complete', `${name} is not complete: ${loss}`, {
    hint: `lm complete --instance ${name} comes first; with --unverified it gives up what is not to be finished`,
  });
}
