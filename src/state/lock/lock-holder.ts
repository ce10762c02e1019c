// Who holds a lock. Whoever is first may listen at its address, so that what is said there is believed only of root and the caller; of
// anybody else the kernel says which user it is.

import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { hostname } from 'node:os';
import { geteuid, pid } from 'node:process';
import * as z from 'zod';
import { errnoOf, printable } from '../../errors.js';
import { socketHolders } from '../../linux/socket-holders.js';
import { readAccounts, userText } from '../../owners/accounts.js';
import { usersOf } from '../../trust/process-users.js';

/** What a holder says of itself. `since` is ISO 8601. */
export interface Holder {
  pid: number;
  host: string;
  command: string;
  since: string;
}

/** Another user's process, or one that does not answer. */
export interface OtherHolder {
  pid: number;
  uid: number;
}

/** `unknown`: a process that the caller may not look into. */
export type LockHolder = Holder | OtherHolder | 'unknown';

const HolderRecord = z.object({ pid: z.int(), host: z.string(), command: z.string(), since: z.string() });

/** This process, from now on. */
export const selfAs = (command: string): Holder => ({
  pid,
  host: hostname(),
  command,
  since: new Date().toISOString(),
});

/** `said` is all that a holder says, when it is believed. */
export interface Heard {
  holder: LockHolder;
  said?: unknown;
}

/** Undefined where nobody listens. */
export const holderAt = async (address: string): Promise<LockHolder | undefined> => (await hear(address))?.holder;

/** The same, with what it says besides. */
export async function hear(address: string): Promise<Heard | undefined> {
  const answer = await ask(address);
  if (answer === undefined) return undefined;
  const holders = processesAt(address);
  const stranger = holders.find(({ uid }) => uid !== 0 && uid !== geteuid!());
  if (stranger) return { holder: stranger };
  const said = parseHolder(answer);
  if (said && holders.some(({ pid }) => pid === said.pid)) return { holder: said, said: JSON.parse(answer) };
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

/** What whoever listens there says, as far as it comes in time; undefined for nobody. */
function ask(address: string): Promise<string | undefined> {
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

function processesAt(address: string): OtherHolder[] {
  try {
    const pids = listenersAt(address).flatMap((inode) => [...socketHolders(inode)]);
    return pids.flatMap((pid) => usersOf(pid).map((uid) => ({ pid, uid })));
  } catch {
    return []; // no /proc
  }
}

/** The addresses at which somebody listens now, of those that begin so. */
export function addressesFrom(start: string): string[] {
  try {
    const names = listeners().map(({ path }) => path);
    return names.filter((name) => name.startsWith(start.replace('\0', '@'))).map((name) => name.replace('@', '\0'));
  } catch {
    return []; // no /proc
  }
}

/** Of /proc/net/unix: what listens has this flag; a connection that was accepted has the same name. */
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
