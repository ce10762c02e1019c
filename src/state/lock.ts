// At most one task at a destination: a listening socket per root, named by the root's device and inode, so that it holds
// under every path, instance and user, and the kernel frees it however the holder ends. Refuses rather than waits.
// Abstract sockets belong to a network namespace: containers that share a directory but no network are not kept apart.

import { existsSync, statSync } from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { hostname, platform, tmpdir } from 'node:os';
import { join } from 'node:path';
import { pid } from 'node:process';
import * as z from 'zod';
import { errnoOf, LmError, localError, printable } from '../errors.js';
import { readFileIfAny, recordText, removeFile, writeFileAtomically } from './atomic-file.js';

/** Who holds a destination. `since` is ISO 8601. */
export interface Holder {
  pid: number;
  host: string;
  command: string;
  since: string;
}

export interface Lock {
  release(): Promise<void>;
}

const HolderRecord = z.object({ pid: z.int(), host: z.string(), command: z.string(), since: z.string() });

/** Where people may look; the sockets decide. */
export const LOCK_FILE = 'lock.json';
const fileIn = (dir: string): string => join(dir, LOCK_FILE);

/**
 * Locks all the roots or none. `dir` gets the file for people; `command` is what they will read.
 * Throws `locked`, naming the holder. Doesn't keep the process alive.
 */
export async function acquireLock(
  roots: readonly { path: string }[],
  options: { dir: string; command: string },
): Promise<Lock> {
  const holder: Holder = { pid, host: hostname(), command: options.command, since: new Date().toISOString() };
  const servers: Server[] = [];
  const release = async () => {
    try {
      if (servers.length > 0) removeFile(fileIn(options.dir)); // released twice, it may be somebody else's by now
    } finally {
      await Promise.all(servers.splice(0).map(close));
    }
  };
  try {
    for (const { address, path } of addressesOf(roots)) {
      const server = await listen(address, holder);
      if (!server) throw held(path, await askHolder(address, options.dir));
      servers.push(server);
    }
    writeFileAtomically(fileIn(options.dir), recordText(holder));
  } catch (error) {
    await Promise.all(servers.map(close));
    throw error;
  }
  return { release };
}

/** Who holds any of the roots now; `unknown` when somebody does who doesn't say. */
export async function lockHolder(roots: readonly { path: string }[]): Promise<Holder | 'unknown' | undefined> {
  for (const { address } of addressesOf(roots.filter(({ path }) => existsSync(path)))) {
    const answer = await ask(address);
    if (answer !== 'free') return answer;
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
    const name = `lm:${dev}:${ino}`;
    // Abstract names may hold up to 107 bytes. libuv before 1.48 pads them with NULs and later versions don't (libuv#4266):
    // padded here, the name is the same under every Node.
    return platform() === 'linux' ? `\0${name.padEnd(107, '-')}` : join(tmpdir(), `${name}.sock`);
  } catch (error) {
    throw localError('look at', path, error);
  }
}

/** Undefined when the address is taken. */
async function listen(address: string, holder: Holder): Promise<Server | undefined> {
  const server = await tryListen(address, holder);
  if (server || address.startsWith('\0') || (await ask(address)) !== 'free') return server;
  removeFile(address); // a socket file outlives the process that listened on it
  return tryListen(address, holder);
}

function tryListen(address: string, holder: Holder): Promise<Server | undefined> {
  const server = createServer((socket) => tell(socket, holder));
  server.unref();
  return new Promise((resolve, reject) => {
    server.once('error', (error) => {
      if (errnoOf(error) === 'EADDRINUSE') resolve(undefined);
      else reject(localError('lock', address.replace('\0', '@'), error));
    });
    server.listen({ path: address, writableAll: !address.startsWith('\0') }, () => resolve(server));
  });
}

function tell(socket: Socket, holder: Holder): void {
  socket.unref();
  socket.on('error', () => socket.destroy()); // who asked has gone: nothing to tell
  socket.end(recordText(holder), () => socket.destroy()); // or whoever stays connected would hold up release()
}

const ANSWER_MS = 1_000;
const ANSWER_BYTES = 4_096;

/** Asks whoever listens. Anyone on this host may listen there, so the answer is looked at before it is believed. */
function ask(address: string): Promise<Holder | 'unknown' | 'free'> {
  return new Promise((resolve) => {
    const socket = connect(address);
    let text = '';
    const finish = (answer: Holder | 'unknown' | 'free') => {
      socket.destroy();
      resolve(answer);
    };
    socket.setEncoding('utf8').setTimeout(ANSWER_MS, () => finish('unknown'));
    socket.on('data', (chunk) => {
      text += chunk;
      if (text.length > ANSWER_BYTES) finish('unknown');
    });
    socket.on('end', () => finish(parseHolder(text)));
    socket.on('error', (error) => finish(isNobody(error) ? 'free' : 'unknown'));
  });
}

const isNobody = (error: Error): boolean => ['ECONNREFUSED', 'ENOENT'].includes(errnoOf(error) ?? '');

/** A holder too busy to answer may have left its file in the same state directory. */
async function askHolder(address: string, dir: string): Promise<Holder | 'unknown'> {
  const answer = await ask(address);
  return answer === 'unknown' || answer === 'free' ? parseHolder(readFileIfAny(fileIn(dir)) ?? '') : answer;
}

function parseHolder(text: string): Holder | 'unknown' {
  try {
    return HolderRecord.parse(JSON.parse(text));
  } catch {
    return 'unknown';
  }
}

function held(path: string, holder: Holder | 'unknown'): LmError {
  const who = holder === 'unknown' ? 'another lm process' : holderText(holder);
  return new LmError('locked', `${printable(path)} is in use by ${who}`, {
    hint: 'wait until it has ended, or end it; two tasks never share a destination',
  });
}

/** `lm copy (pid 4711, since 2026-01-02T03:04:05.678Z)` */
export const holderText = (holder: Holder): string =>
  `${printable(holder.command)} (pid ${holder.pid}, since ${printable(holder.since)})`;

const close = (server: Server): Promise<void> => new Promise((resolve) => server.close(() => resolve()));
