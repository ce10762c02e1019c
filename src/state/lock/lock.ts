// At most one task at a destination: a listening socket per root, named by the root's device and inode, so that it holds
// under every path, instance and user, and the kernel frees it however the holder ends. Refuses rather than waits.
// Abstract sockets belong to a network namespace: containers that share a directory but no network are not kept apart.

import { existsSync, statSync } from 'node:fs';
import type { Server } from 'node:net';
import { join } from 'node:path';
import { LmError, localError, printable } from '../../errors.js';
import { recordText, removeFile, writeFileAtomically } from '../atomic-file.js';
import { addressFor, closeSocket, listenAt } from './listening-socket.js';
import { type Heard, hear, holderAt, holderText, type LockHolder, selfAs } from './lock-holder.js';

export interface Lock {
  release(): Promise<void>;
}

/** Where people may look; the sockets decide. */
export const LOCK_FILE = 'lock.json';
const fileIn = (dir: string): string => join(dir, LOCK_FILE);

/**
 * Locks all the roots or none. `dir` gets the file for people, if there is to be one; `command` is what they will read, `says` what whoever asks hears besides.
 * Throws `locked`, naming the holder. Doesn't keep the process alive.
 */
export async function acquireLock(
  roots: readonly { path: string }[],
  options: { dir: string | undefined; command: string; says?: () => object },
): Promise<Lock> {
  const holder = selfAs(options.command);
  const file = options.dir && fileIn(options.dir);
  const answer = (): string => recordText({ ...options.says?.(), ...holder });
  const servers: Server[] = [];
  const release = async () => {
    try {
      if (file && servers.length > 0) removeFile(file); // released twice, it may be somebody else's by now
    } finally {
      await Promise.all(servers.splice(0).map(closeSocket));
    }
  };
  try {
    for (const { address, path } of addressesOf(roots)) {
      const server = await listen(address, answer);
      if (!server) throw held(path, await holderAt(address));
      servers.push(server);
    }
    if (file) writeFileAtomically(file, recordText(holder));
  } catch (error) {
    await Promise.all(servers.map(closeSocket));
    throw error;
  }
  return { release };
}

/** Who holds any of the roots now. */
export const lockHolder = async (roots: readonly { path: string }[]): Promise<LockHolder | undefined> =>
  (await hearHolder(roots))?.holder;

/** The same, with what it says of its work. */
export async function hearHolder(roots: readonly { path: string }[]): Promise<Heard | undefined> {
  for (const { address } of addressesOf(roots.filter(({ path }) => existsSync(path)))) {
    const heard = await hear(address);
    if (heard !== undefined) return heard;
  }
  return undefined;
}

/** In one order for everybody, so that of two at once one gets them all; a directory given twice counts once. */
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

function held(path: string, holder: LockHolder | undefined): LmError {
  const who = holder === undefined ? 'a process that has just ended' : holderText(holder);
  return new LmError('locked', `${printable(path)} is in use by ${who}`, {
    hint: `wait until it has ended, or end it${holder === 'unknown' ? ' (ss -xlp, as root, names it)' : ''}; two tasks never share a destination`,
  });
}
