// What an agent does in another way when it serves snapshots: who gets data of them, and what their ctimes prove, which is nothing.

import { NO_CTIME, type RootKey } from '../../files/entry.js';
import type { Roots } from '../../files/roots.js';
import { SEALS_HEADER } from '../../wire/range-seals.js';
import { type RouteName, SNAPSHOT_HEADER } from '../../wire/routes.js';
import { errorReply, type Reply } from '../reply.js';
import type { Request } from '../request.js';

export interface SnapshotSetup {
  /** Where files are read. */
  roots: Roots;
  /** The directories by which the source is known, in the same order. A root that is another directory is a snapshot of it. */
  live: Roots;
}

export const snapshotsIn = ({ roots, live }: SnapshotSetup): RootKey[] =>
  roots.filter(({ path }, i) => path !== live[i]?.path).map(({ key }) => key);

/** Without these requests no client learns anything of the files. */
const OF_FILES: ReadonlySet<RouteName> = new Set(['list', 'file', 'fetch', 'digests', 'open-files']);

/** Refuses a client that has not said that it knows of the `snapshots`. */
export function snapshotGuard(
  snapshots: readonly RootKey[],
  route: RouteName,
  { headers }: Pick<Request, 'headers'>,
): Reply | undefined {
  if (snapshots.length === 0 || !OF_FILES.has(route) || headers[SNAPSHOT_HEADER] !== undefined) return undefined;
  return errorReply(409, `${servesText(snapshots)}, and this client has not said that it may`);
}

export const servesText = (snapshots: readonly RootKey[]): string =>
  `the agent serves a snapshot of ${snapshots.join(', ')}`;

/**
 * The same reply without the ctime of a file. A snapshot of LVM, ZFS or Btrfs keeps inode and times of a file; a write that came to the live
 * file in the same tick of the clock left it the same ones, however long ago that is when the snapshot is read.
 */
export function withoutCtime(reply: Reply): Reply {
  if (reply.headers[SEALS_HEADER] === undefined) return reply;
  return { ...reply, headers: { ...reply.headers, [SEALS_HEADER]: NO_CTIME } };
}
