// Opens what only an agent of a destination has: roots that may not exist yet, and the context of its tasks. Creates no directory.

import { watchRoots } from '../agent/root-watch.js';
import { LmError } from '../errors.js';
import { statIfThere } from '../files/if-there.js';
import type { ListedRoot } from '../files/listing.js';
import type { Roots } from '../files/roots.js';
import { rootsHere } from '../migration/destination.js';
import type { ServeSettings } from '../settings/settings.js';
import { holderText } from '../state/lock/lock-holder.js';
import { agentsOf } from '../state/lock/presence.js';
import type { TaskContext } from '../tasks/run-task.js';
import { refuseInsideRoots } from '../trust/output-file.js';

/** Opens the roots by the rules of a copy, which creates missing ones. Throws `usage` and `refused`. */
export async function openDestinationRoots(
  { roots: stated, stateDir, accessLog }: ServeSettings,
  { invocation: { io } }: TaskContext,
): Promise<Roots> {
  const roots = await rootsHere(stated, stateDir, io);
  if (accessLog !== undefined) refuseInsideRoots('--access-log', accessLog, roots);
  return roots;
}

/** Two agents could each begin a task, and only the lock of a run would keep these apart. Throws `locked`. */
export async function refuseSecondAgent(dir: string): Promise<void> {
  const [other] = await agentsOf(dir);
  if (!other) return;
  throw new LmError('locked', `this destination has an agent already: ${holderText(other.holder)}`, {
    hint: 'one process has one instance: give another --root, or end that one',
  });
}

/** The roots that exist now, whatever they were before: each task checks what it may do to them. */
export function presentRoots(roots: Roots): ListedRoot[] {
  const present = roots.filter(({ path }) => statIfThere(path) !== undefined);
  return watchRoots(
    present,
    present.map(({ path }) => path),
  )();
}
