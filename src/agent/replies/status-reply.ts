// The Sidecar's /status: whether this side of the migration is complete (LiveMigrationStatus*Handler). Keeps no record itself.

import { LmError } from '../../errors.js';
import type { LiveMigrationStatus } from '../../wire/messages.js';
import { AGENT_HEADER, AGENT_PROTOCOL, MAX_REQUESTS_HEADER, REOPENED_HEADER } from '../../wire/routes.js';
import { errorReply, guardReply, jsonReply, type Reply } from '../reply.js';
import type { Request } from '../request.js';

/** The record of completion; all of it throws when the disk does. */
export interface Completion {
  /** Looks anew each time: `lm complete`, run beside the agent, sends no message. */
  read(): LiveMigrationStatus;
  /** Throws `refused` when it is complete already. */
  mark(): LiveMigrationStatus;
  /** Takes it back, on behalf of the client with this address. */
  reopen(by: string): void;
  /** By whom it was last taken back so. */
  reopened(): { by: string; atMs: number } | undefined;
}

export interface StatusSetup {
  completion: Completion;
  /** Whether the pair is still in the migration map; while it is, completion cannot be taken back. */
  isMapped: boolean;
  maxConcurrentFileRequests: number;
  /** Hears of what a client has changed. */
  warn(text: string): void;
}

export function statusReply({ method, remote }: Pick<Request, 'method' | 'remote'>, setup: StatusSetup): Reply {
  if (method === 'GET') return orUnavailable(() => statusNow(setup));
  if (method === 'POST') return mark(setup, remote);
  return setup.isMapped ? guardReply(403) : orUnavailable(() => reopen(setup, remote));
}

function statusNow({ completion, maxConcurrentFileRequests }: StatusSetup): Reply {
  const reopened = completion.reopened();
  return jsonReply(200, completion.read(), {
    [AGENT_HEADER]: AGENT_PROTOCOL,
    [MAX_REQUESTS_HEADER]: maxConcurrentFileRequests,
    ...(reopened && { [REOPENED_HEADER]: `${timeText(reopened.atMs)} by ${reopened.by}` }),
  });
}

/** In the Sidecar's protocol whoever may copy may do this, but not in silence. */
function reopen({ completion, warn }: StatusSetup, by: string): Reply {
  const { endTime } = completion.read();
  if (typeof endTime !== 'number') return errorReply(400, 'Live migration is not marked as COMPLETED here');
  completion.reopen(by);
  warn(
    `${by} reopened this source over HTTP at ${timeText(Date.now())}: complete since ${timeText(endTime)}, it serves its files again; lm complete closes it`,
  );
  return jsonReply(200, { status: 'OK' });
}

const timeText = (ms: number): string => new Date(ms).toISOString();

/** The guard of everything that moves data: undefined while the migration is not complete. */
export function completionGuard(completion: Completion): Reply | undefined {
  try {
    return completion.read().state === 'COMPLETED' ? guardReply(400) : undefined;
  } catch {
    return guardReply(503);
  }
}

function mark({ completion, warn }: StatusSetup, by: string): Reply {
  try {
    const status = completion.mark();
    warn(`${by} completed this source over HTTP at ${timeText(Date.now())}: it serves its files no more`);
    return jsonReply(200, status);
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
