// What listens on TCP ports of this host, as the kernel and a connection tell. Judges nothing.

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
  /** Who listens, where that may be known; undefined for a port that is forwarded elsewhere. */
  process?: { pid: number; command: string } | undefined;
}

/**
 * Every socket of this network namespace that listens on one of `ports`, and what answers there without one: a port that is forwarded
 * into a container shows in no table. `addresses` are tried beside loopback, as far as they are this host's own.
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
    ports.filter((port) => !hears(sockets, address, port)).map((port) => ({ address, port })),
  );
  const answers = await Promise.all(silent.map(({ address, port }) => accepts(address, port)));
  return [...found, ...silent.filter((_, i) => answers[i])];
}

/** Whether one of the sockets takes what is sent to this address, so that an answer from there is its own. */
const hears = (sockets: readonly Socket[], address: string, port: number): boolean =>
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
  /** Who made it. */
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

/** `0100007F:2352`: the address as words in the machine's own byte order, and the port. */
export function parseEndpoint(text: string): { address: string; port: number } {
  const [digits, port] = text.split(':') as [string, string];
  const words = digits.match(/.{8}/g)!.map((word) => Buffer.from(word, 'hex'));
  if (endianness() === 'LE') for (const word of words) word.reverse();
  const bytes = Buffer.concat(words);
  const address = bytes.length === 4 ? bytes.join('.') : plainAddress(bytes.toString('hex').match(/.{4}/g)!.join(':'));
  return { address, port: Number.parseInt(port, 16) };
}

/** Whose sockets take what is sent to this address of this host, as far as they are of this network namespace. */
export async function usersAt(address: string, port: number): Promise<number[]> {
  const sockets = await listeningSockets();
  return sockets.filter((socket) => hears([socket], address, port)).map(({ uid }) => uid);
}

/**
 * Every process that has the socket which a connection to exactly this address reaches, as far as the caller may look into them: his
 * own, and for root all. A socket that listens on every address is not meant.
 */
export async function processesAt(address: string, port: number): Promise<number[]> {
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
