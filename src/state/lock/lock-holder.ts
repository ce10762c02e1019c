// Finds out who holds a lock. Any user may listen at its address first, so an answer is trusted only if root or the caller sends it; for any
// other process the kernel reports its user.

import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { hostname } from 'node:os';
import { geteuid, pid } from 'node:process';
import * as z from 'zod';
import { errnoOf, printable } from '../../errors.js';
import { socketHolders } from '../../linux/socket-holders.js';
import { readAccounts, userText } from '../../owners/accounts.js';
import { usersOf } from '../../trust/process-users.js';

/** How a holder describes itself. `since` is ISO 8601. */
interface Holder {
  pid: number;
  host: string;
  command: string;
  since: string;
}

/** Another user's process, or one that does not answer. */
interface OtherHolder {
  pid: number;
  uid: number;
}

/** `unknown`: a process that the caller may not inspect. */
export type LockHolder = Holder | OtherHolder | 'unknown';

const HolderRecord = z.object({ pid: z.int(), host: z.string(), command: z.string(), since: z.string() });

/** Describes this process as a holder from now on. */
export const selfAs = (command: string): Holder => ({
  pid,
  host: hostname(),
  command,
  since: new Date().toISOString(),
});

/** `status` is the whole answer of a holder that is trusted. */
export interface HolderAnswer {
  holder: LockHolder;
  status?: unknown;
}

/** Undefined when nobody listens. */
export const holderAt = async (address: string): Promise<LockHolder | undefined> =>
  (await queryHolder(address))?.holder;

/** The same, with the holder's whole answer. */
export async function queryHolder(address: string): Promise<HolderAnswer | undefined> {
  const answer = await readAnswer(address);
  if (answer === undefined) return undefined;
  const holders = listeningProcesses(address);
  const otherUser = holders.find(({ uid }) => uid !== 0 && uid !== geteuid!());
  if (otherUser) return { holder: otherUser };
  const holder = parseHolder(answer);
  if (holder && holders.some(({ pid }) => pid === holder.pid)) return { holder, status: JSON.parse(answer) };
  return { holder: holders[0] ?? 'unknown' };
}

/** `lm copy (pid 4711, since 2026-01-02T03:04:05.678Z)`, `a process of uid 1000 (alice), pid 4711` */
export function holderText(holder: LockHolder): string {
  if (holder === 'unknown') return 'a process that cannot be looked into, of another user or in another container';
  if ('uid' in holder) return `a process of ${userText(readAccounts(), holder.uid)}, pid ${holder.pid}`;
  return `${printable(holder.command)} (pid ${holder.pid}, since ${printable(holder.since)})`;
}

const ANSWER_MS = 1_000;
const ANSWER_BYTES = 65_536;

/** What the process that listens there sends; '' when that is too slow or too long, undefined when nobody listens. */
function readAnswer(address: string): Promise<string | undefined> {
  return new Promise((resolve) => {
    const socket = connect(address);
    let text = '';
    const finish = (answer: string | undefined) => {
      socket.destroy();
      resolve(answer);
    };
    socket.setEncoding('utf8').setTimeout(ANSWER_MS, () => finish(''));
    socket.on('data', (chunk) => {
      text += chunk;
      if (text.length > ANSWER_BYTES) finish('');
    });
    socket.on('end', () => finish(text));
    socket.on('error', (error) => finish(isNobody(error) ? undefined : ''));
  });
}

const isNobody = (error: Error): boolean => ['ECONNREFUSED', 'ENOENT'].includes(errnoOf(error) ?? '');

function parseHolder(text: string): Holder | undefined {
  try {
    return HolderRecord.parse(JSON.parse(text));
  } catch {
    return undefined;
  }
}

function listeningProcesses(address: string): OtherHolder[] {
  try {
    const pids = listenersAt(address).flatMap((inode) => [...socketHolders(inode)]);
    return pids.flatMap((pid) => usersOf(pid).map((uid) => ({ pid, uid })));
  } catch {
    return []; // no /proc
  }
}

/** The addresses that begin with `start` and at which a process listens now. */
export function addressesFrom(start: string): string[] {
  try {
    const names = listeners().map(({ path }) => path);
    return names.filter((name) => name.startsWith(start.replace('\0', '@'))).map((name) => name.replace('@', '\0'));
  } catch {
    return []; // no /proc
  }
}

/** The flag of listening sockets in /proc/net/unix; an accepted connection has the same name. */
const ACCEPTS = 0x10000;

function listeners(): { inode: string; path: string }[] {
  return readFileSync('/proc/net/unix', 'latin1')
    .split('\n')
    .map((line) => line.split(' ').filter((word) => word !== ''))
    .filter(([, , , flags, , , , path]) => path !== undefined && Number.parseInt(flags!, 16) & ACCEPTS)
    .map(([, , , , , , inode, path]) => ({ inode: inode!, path: path! }));
}

const listenersAt = (address: string): string[] =>
  listeners()
    .filter(({ path }) => path === address.replace('\0', '@'))
    .map(({ inode }) => inode);
