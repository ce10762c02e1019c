// Locks a destination, so that at most one task works on it: a listening socket per root, named by the root's device and inode. So the lock
// holds for every path, instance and user, and the kernel frees it however the holder ends. A lock that is taken is refused, not waited for.
// Abstract sockets belong to a network namespace: two containers that share a directory but no network do not see each other's locks.

import { existsSync, statSync } from 'node:fs';
import type { Server } from 'node:net';
import { join } from 'node:path';
import { LmError, localError, printable } from '../../errors.js';
import { recordText, removeFile, writeFileAtomically } from '../atomic-file.js';
import { addressFor, closeSocket, listenAt } from './listening-socket.js';
import { type HolderAnswer, holderAt, holderText, type LockHolder, queryHolder, selfAs } from './lock-holder.js';

interface Lock {
  release(): Promise<void>;
}

/** For people to read; the sockets are the lock. */
export const LOCK_FILE = 'lock.json';
const fileIn = (dir: string): string => join(dir, LOCK_FILE);

/**
 * Locks all the roots or none. `dir`: where the file for people is written, if one is wanted; `command` is what they read. `status` is sent,
 * as it is then, to every process that asks for the holder. Throws `locked`, naming the holder. Does not keep the process alive.
 */
export async function acquireLock(
  roots: readonly { path: string }[],
  options: { dir: string | undefined; command: string; status?: () => object },
): Promise<Lock> {
  const holder = selfAs(options.command);
  const file = options.dir && fileIn(options.dir);
  const answer = (): string => recordText({ ...options.status?.(), ...holder });
  const servers: Server[] = [];
  const release = async () => {
    try {
      if (file && servers.length > 0) removeFile(file); // at a second release it may be another task's
    } finally {
      await Promise.all(servers.splice(0).map(closeSocket));
    }
  };
  try {
    for (const { address, path } of addressesOf(roots)) {
      const server = await listen(address, answer);
      if (!server) throw lockedError(path, await holderAt(address));
      servers.push(server);
    }
    if (file) writeFileAtomically(file, recordText(holder));
  } catch (error) {
    await Promise.all(servers.map(closeSocket));
    throw error;
  }
  return { release };
}

/** The process that holds any of the roots now. */
export const lockHolder = async (roots: readonly { path: string }[]): Promise<LockHolder | undefined> =>
  (await queryLockHolder(roots))?.holder;

/** The same, with the status of its work. */
export async function queryLockHolder(roots: readonly { path: string }[]): Promise<HolderAnswer | undefined> {
  for (const { address } of addressesOf(roots.filter(({ path }) => existsSync(path)))) {
    const answer = await queryHolder(address);
    if (answer !== undefined) return answer;
  }
  return undefined;
}

/** Sorted, so that of two tasks at once one gets all of them; a directory given twice counts once. */
function addressesOf(roots: readonly { path: string }[]): { address: string; path: string }[] {
  const byAddress = new Map(roots.map(({ path }) => [addressOf(path), path]));
  return [...byAddress].sort(([a], [b]) => (a < b ? -1 : 1)).map(([address, path]) => ({ address, path }));
}

function addressOf(path: string): string {
  try {
    const { dev, ino } = statSync(path, { bigint: true });
    return addressFor(`lm:${dev}:${ino}`);
  } catch (error) {
    throw localError('look at', path, error);
  }
}

/** Undefined when the address is taken. */
async function listen(address: string, answer: () => string): Promise<Server | undefined> {
  const server = await listenAt(address, answer);
  if (server || address.startsWith('\0') || (await holderAt(address)) !== undefined) return server;
  removeFile(address); // a socket file outlives the process that listened on it
  return listenAt(address, answer);
}

function lockedError(path: string, holder: LockHolder | undefined): LmError {
  const who = holder === undefined ? 'a process that has just ended' : holderText(holder);
  return new LmError('locked', `${printable(path)} is in use by ${who}`, {
    hint: `wait until it has ended, or end it${holder === 'unknown' ? ' (ss -xlp, as root, names it)' : ''}; two tasks never share a destination`,
  });
}
