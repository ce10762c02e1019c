// Checks before a copy is accepted that the service here is stopped, as the copy does before each pass. Runs no command.

import { LmError } from '../errors.js';
import { inspectService } from '../guards/guard-service.js';
import { lookUpPorts } from '../linux/service-ports.js';
import type { Destination } from '../migration/destination.js';
import { isCassandraTree } from '../migration/guards/service-watch.js';
import { servicePorts } from '../settings/cassandra/service-ports.js';
import { lockHolder } from '../state/lock/lock.js';
import { holderText } from '../state/lock/lock-holder.js';

/**
 * Throws `refused` in the Sidecar's words, with what was found, and `locked` while a command is at work, whose open files would be taken for
 * the service's.
 */
export async function refuseIfRunning({ settings, roots }: Destination<'copy'>): Promise<void> {
  const { preCheck, allowRunning } = settings;
  const holder = await lockHolder(roots);
  if (holder !== undefined) throw new LmError('locked', `the destination is in use by ${holderText(holder)}`);
  if (allowRunning) return; // said by the copy
  try {
    const ports = await lookUpPorts(servicePorts(settings));
    const cassandra = isCassandraTree(settings, roots);
    await inspectService({ roots, ports, cassandra, hasPreCheck: preCheck !== undefined, allowRunning });
  } catch (error) {
    if (!(error instanceof LmError) || error.code !== 'refused') throw error;
    const { message, details, hint } = error;
    throw new LmError('service-runs', `${RUNNING}, or cannot be told from one that is: ${message}`, { details, hint });
  }
}

const RUNNING = 'Cannot start data copy: Cassandra is currently running on this instance';
