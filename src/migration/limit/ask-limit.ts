// Asks the copy or verification that runs for a migration of this host to keep to another limit. The request is a file in its records, to
// which its lock is the doorbell: so it reaches the process that holds the lock, whatever its pid, and nobody who may not write there.

import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { LmError } from '../../errors.js';
import { refuseUntrustedRecords } from '../../state/identity/trusted-records.js';
import { type Instance, rootsOf } from '../../state/instance.js';
import { leaveLimitRequest, withdrawLimitRequest } from '../../state/lock/limit-request.js';
import { queryLockHolder } from '../../state/lock/lock.js';
import { holderText, type LockHolder } from '../../state/lock/lock-holder.js';
import { type LimitState, limitIn } from '../../state/lock/run-progress.js';

export interface LimitedRun {
  holder: LockHolder;
  limit: LimitState;
}

/** How long a run that is at work may take to answer. */
const PATIENCE_MS = 10_000;
const ASK_MS = 200;

/** The run and its limit. Throws `refused` when nothing runs that has one. */
export async function findLimitedRun({ roots }: Pick<Instance, 'roots'>): Promise<LimitedRun> {
  const answer = await queryLockHolder(rootsOf({ roots }));
  if (!answer) throw nothingRuns('no copy or verification of this migration runs here');
  const { holder, status } = answer;
  const limit = limitIn(status);
  if (limit) return { holder, limit };
  if (typeof holder === 'object' && 'uid' in holder)
    throw new LmError('refused', `what runs here does not say what it keeps to: ${holderText(holder)}`, {
      hint: 'only its own user can change its limit (sudo -u USER lm limit), and only while it is not stopped',
    });
  throw nothingRuns(`what runs here has no limit that could be changed: ${holderText(holder)}`);
}

/** Returns once the run keeps to it. `limit`: as an operator states it; null for the one with which the run was started. */
export async function askForLimit(instance: Instance, limit: string | null): Promise<LimitedRun> {
  refuseUntrustedRecords(instance.dir);
  const { limit: before } = await findLimitedRun(instance);
  const id = randomUUID();
  leaveLimitRequest(instance.dir, { run: before.run, id, limit });
  try {
    for (const ends = performance.now() + PATIENCE_MS; performance.now() < ends; await sleep(ASK_MS)) {
      const now = await findLimitedRun(instance);
      if (now.limit.run !== before.run) throw nothingRuns(`run ${before.run} has just ended`);
      if (now.limit.request === id) return now;
    }
  } finally {
    withdrawLimitRequest(instance.dir);
  }
  throw new LmError('local', `run ${before.run} has not taken the limit within ${PATIENCE_MS / 1000} seconds`, {
    hint: 'is it stopped (SIGSTOP), or its disk stuck? lm status says how far it is',
  });
}

const nothingRuns = (message: string): LmError =>
  new LmError('refused', message, {
    hint: '--limit-rate, or limit_rate in lm.yaml, is what the next one begins with',
  });
