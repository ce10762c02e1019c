// Replies to /status as the Sidecar does (LiveMigrationStatus*Handler): whether this side of the migration is complete.

import { LmError } from '../../errors.js';
import type { RootKey } from '../../files/entry.js';
import { version } from '../../version.js';
import type { LiveMigrationStatus } from '../../wire/messages.js';
import {
  AGENT_HEADER,
  AGENT_PROTOCOL,
  LINE_DIGESTS_HEADER,
  MAX_REQUESTS_HEADER,
  PACED_DIGESTS_HEADER,
  PAGES_HEADER,
  REOPENED_HEADER,
  type Role,
  SNAPSHOT_HEADER,
  VERSION_HEADER,
} from '../../wire/routes.js';
import { errorReply, guardReply, jsonReply, type Reply } from '../reply.js';
import type { Request } from '../request.js';
import { servesText } from './snapshots.js';

/** The record of completion. Every method throws when the disk fails. */
export interface Completion {
  /** Reads the record each time: `lm complete`, run beside the agent, sends no message. */
  read(): LiveMigrationStatus;
  /** On behalf of the client with this address. `unproved`: what `lm complete` would have asked for. Throws `refused` when it is complete already. */
  mark(by: string): { status: LiveMigrationStatus; unproved: readonly string[] };
  /** Takes completion back, on behalf of the client with this address. */
  reopen(by: string): void;
  /** Who last took completion back over HTTP, and when. */
  reopened(): { by: string; atMs: number } | undefined;
}

export interface StatusSetup {
  role: Role;
  completion: Completion;
  /** Whether the pair is still in the migration map; while it is, completion cannot be taken back. */
  isMapped: boolean;
  maxConcurrentFileRequests: number;
  /** The keys of roots that are snapshots. */
  snapshots: readonly RootKey[];
  /** Called after a client has changed the status. */
  warn(text: string): void;
}

export function statusReply({ method, remote }: Pick<Request, 'method' | 'remote'>, setup: StatusSetup): Reply {
  if (method === 'GET') return orUnavailable(() => statusNow(setup));
  if (method === 'POST') return mark(setup, remote);
  return setup.isMapped ? guardReply(403) : orUnavailable(() => reopen(setup, remote));
}

function statusNow({ completion, maxConcurrentFileRequests, snapshots }: StatusSetup): Reply {
  const reopened = completion.reopened();
  return jsonReply(200, completion.read(), {
    [AGENT_HEADER]: AGENT_PROTOCOL,
    [VERSION_HEADER]: ownVersion(),
    [MAX_REQUESTS_HEADER]: maxConcurrentFileRequests,
    [PACED_DIGESTS_HEADER]: 1,
    [LINE_DIGESTS_HEADER]: 1,
    [PAGES_HEADER]: 1,
    ...(snapshots.length > 0 && { [SNAPSHOT_HEADER]: snapshots.join(',') }),
    ...(reopened && { [REOPENED_HEADER]: `${timeText(reopened.atMs)} by ${reopened.by}` }),
  });
}

let known: string | undefined;

/** Of the program that runs: the package may be replaced beside it. */
function ownVersion(): string {
  known ??= version();
  return known;
}

/** The Sidecar's protocol lets any client that may copy do this; the operator gets a warning. */
function reopen({ role, completion, warn }: StatusSetup, by: string): Reply {
  const { endTime } = completion.read();
  if (typeof endTime !== 'number') return errorReply(400, 'Live migration is not marked as COMPLETED here');
  completion.reopen(by);
  const audit = `reopened this ${role}`;
  warn(
    `${by} ${audit} over HTTP at ${timeText(Date.now())}: complete since ${timeText(endTime)}, ${WORK[role].again}; lm complete closes it`,
  );
  return { ...jsonReply(200, { status: 'OK' }), audit };
}

const timeText = (ms: number): string => new Date(ms).toISOString();

/** Refuses requests that move data once the migration is complete; undefined before. */
export function completionGuard(completion: Completion): Reply | undefined {
  try {
    return completion.read().state === 'COMPLETED' ? guardReply(400) : undefined;
  } catch {
    return guardReply(503);
  }
}

function mark({ role, completion, snapshots, warn }: StatusSetup, by: string): Reply {
  if (snapshots.length > 0)
    return errorReply(409, `${servesText(snapshots)}: a migration ends with the live directory`);
  try {
    const { status, unproved } = completion.mark(by);
    const audit = `completed this ${role}${unproved.length > 0 ? `, without ${unproved.join(' and ')}` : ''}`;
    warn(`${by} ${audit} over HTTP at ${timeText(Date.now())}: ${WORK[role].noMore}`);
    return { ...jsonReply(200, status), audit };
  } catch (error) {
    if (error instanceof LmError && error.code === 'refused')
      return errorReply(400, 'Live migration marked as COMPLETED earlier.');
    return errorReply(503, 'Could not update Live Migration as complete.');
  }
}

const WORK: Record<Role, { again: string; noMore: string }> = {
  source: { again: 'it serves its files again', noMore: 'it serves its files no more' },
  destination: { again: 'it takes tasks again', noMore: 'it takes no more tasks' },
};

function orUnavailable(reply: () => Reply): Reply {
  try {
    return reply();
  } catch (error) {
    return errorReply(503, error instanceof Error ? error.message : String(error));
  }
}
