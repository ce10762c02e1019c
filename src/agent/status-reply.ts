// The Sidecar's /status: whether this side of the migration is complete (LiveMigrationStatus*Handler). Keeps no record itself.

import { LmError } from '../errors.js';
import type { LiveMigrationStatus } from '../wire/messages.js';
import { AGENT_HEADER, AGENT_PROTOCOL, MAX_REQUESTS_HEADER } from '../wire/routes.js';
import { errorReply, guardReply, jsonReply, type Reply } from './reply.js';

/** The record of completion; all of it throws when the disk does. */
export interface Completion {
  /** Looks anew each time: `lm complete`, run beside the agent, sends no message. */
  read(): LiveMigrationStatus;
  /** Throws `refused` when it is complete already. */
  mark(): LiveMigrationStatus;
  /** False when there was nothing to clear. */
  clear(): boolean;
}

export interface StatusSetup {
  completion: Completion;
  /** Whether the pair is still in the migration map; while it is, completion cannot be taken back. */
  isMapped: boolean;
  maxConcurrentFileRequests: number;
}

export function statusReply(method: string, { completion, isMapped, maxConcurrentFileRequests }: StatusSetup): Reply {
  const advert = { [AGENT_HEADER]: AGENT_PROTOCOL, [MAX_REQUESTS_HEADER]: maxConcurrentFileRequests };
  if (method === 'GET') return orUnavailable(() => jsonReply(200, completion.read(), advert));
  if (method === 'POST') return mark(completion);
  if (isMapped) return guardReply(403);
  return orUnavailable(() =>
    completion.read().state === 'COMPLETED' && completion.clear()
      ? jsonReply(200, { status: 'OK' })
      : errorReply(400, 'Live migration is not marked as COMPLETED here'),
  );
}

/** The guard of everything that moves data: undefined while the migration is not complete. */
export function completionGuard(completion: Completion): Reply | undefined {
  try {
    return completion.read().state === 'COMPLETED' ? guardReply(400) : undefined;
  } catch {
    return guardReply(503);
  }
}

function mark(completion: Completion): Reply {
  try {
    return jsonReply(200, completion.mark());
  } catch (error) {
    if (error instanceof LmError && error.code === 'refused')
      return errorReply(400, 'Live migration marked as COMPLETED earlier.');
    return errorReply(503, 'Could not update Live Migration as complete.');
  }
}

function orUnavailable(reply: () => Reply): Reply {
  try {
    return reply();
  } catch (error) {
    return errorReply(503, error instanceof Error ? error.message : String(error));
  }
}
