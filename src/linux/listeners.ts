// Finds what listens on TCP ports of this host, from the tables of the kernel and by connecting. service-ports.ts judges it.

import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { endianness, networkInterfaces } from 'node:os';
import { errnoOf, localError } from '../errors.js';
import { plainAddress } from './addresses.js';
import { socketHolders } from './socket-holders.js';

export interface Listener {
  /** As `plainAddress` writes it. */
  address: string;
  port: number;
  /** Who listens, where that can be found out; undefined for a port that is forwarded elsewhere. */
  process?: { pid: number; command: string } | undefined;
}

/**
 * Every socket of this network namespace that listens on one of `ports`, and every address that accepts a connection without such a
 * socket: a port that is forwarded into a container is in no table. Besides loopback, those of `addresses` that this host has are tried.
 */
export async function findListeners(ports: readonly number[], addresses: readonly string[] = []): Promise<Listener[]> {
  if (ports.length === 0) return [];
  const sockets = (await listeningSockets()).filter(({ port }) => ports.includes(port));
  const found: Listener[] = sockets.map(({ address, port, inode }) => {
    const process = processOf(inode);
    return { address, port, ...(process && { process }) };
  });
  const hosts = new Set(['127.0.0.1', '::1', ...addresses.filter((address) => ownAddresses().has(address))]);
  const silent = [...hosts].flatMap((address) =>
    ports.filter((port) => !receives(sockets, address, port)).map((port) => ({ address, port })),
  );
  const answers = await Promise.all(silent.map(({ address, port }) => accepts(address, port)));
  return [...found, ...silent.filter((_, i) => answers[i])];
}

/** Whether one of the sockets receives what is sent to this address, so that it is the one that answers there. */
const receives = (sockets: readonly Socket[], address: string, port: number): boolean =>
  sockets.some((socket) => socket.port === port && [address, '0.0.0.0', '::'].includes(socket.address));

function ownAddresses(): Set<string> {
  const all = Object.values(networkInterfaces()).flatMap((of) => of ?? []);
  return new Set(all.map(({ address }) => plainAddress(address)));
}

const CONNECT_TIMEOUT_MS = 1000;

function accepts(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port });
    const done = (answered: boolean) => {
      socket.destroy();
      resolve(answered);
    };
    socket.setTimeout(CONNECT_TIMEOUT_MS, () => done(false));
    socket.once('connect', () => done(true));
    socket.once('error', () => done(false));
  });
}

interface Socket {
  address: string;
  port: number;
  /** The user who created it. */
  uid: number;
  inode: string;
}

const LISTEN = '0A';

async function listeningSockets(): Promise<Socket[]> {
  const found: Socket[] = [];
  for (const table of ['/proc/net/tcp', '/proc/net/tcp6']) {
    const text = await readFile(table, 'latin1').catch((error: unknown) => {
      if (errnoOf(error) === 'ENOENT') return ''; // no IPv6
      throw localError('read', table, error);
    });
    for (const line of text.split('\n').slice(1)) {
      const [, local, , state, , , , uid, , inode] = line.trim().split(/\s+/);
      if (state === LISTEN) found.push({ ...parseEndpoint(local!), uid: Number(uid), inode: inode! });
    }
  }
  return found;
}

/** Parses `0100007F:2352`: the address as words in the byte order of this machine, and the port. */
export function parseEndpoint(text: string): { address: string; port: number } {
  const [digits, port] = text.split(':') as [string, string];
  const words = digits.match(/.{8}/g)!.map((word) => Buffer.from(word, 'hex'));
  if (endianness() === 'LE') for (const word of words) word.reverse();
  const bytes = Buffer.concat(words);
  const address = bytes.length === 4 ? bytes.join('.') : plainAddress(bytes.toString('hex').match(/.{4}/g)!.join(':'));
  return { address, port: Number.parseInt(port, 16) };
}

/** The users whose sockets receive what is sent to this address of this host. Only sockets of this network namespace are seen. */
export async function usersListeningAt(address: string, port: number): Promise<number[]> {
  const sockets = await listeningSockets();
  return sockets.filter((socket) => receives([socket], address, port)).map(({ uid }) => uid);
}

/**
 * Every process that holds the socket bound to exactly this address, as far as the caller may inspect processes: its own, or all for root.
 * A socket that listens on every address does not count.
 */
export async function processesListeningAt(address: string, port: number): Promise<number[]> {
  const sockets = (await listeningSockets()).filter((one) => one.address === address && one.port === port);
  return sockets.flatMap(({ inode }) => [...socketHolders(inode)]);
}

function processOf(inode: string): Listener['process'] {
  for (const pid of socketHolders(inode))
    try {
      return { pid, command: readFileSync(`/proc/${pid}/comm`, 'utf8').replace(/\n$/, '') };
    } catch {} // gone
  return undefined;
}
