// Limits the open connections. A newcomer is a connection without an authorized request so far: at the limit the oldest newcomer is
// dropped. A known connection has had one: at their limit the one that has been idle longest is dropped.

import type { Socket } from 'node:net';
import { networkOf, plainAddress } from '../linux/addresses.js';

interface ConnectionLimits {
  newcomers: number;
  /** At the limit of newcomers, those of one address, or of one /64 of IPv6, that may stay. */
  newcomersPerNetwork: number;
  known: number;
}

export interface Connections {
  /** Takes a new connection: `socket` is the TCP connection, below TLS. */
  accept(socket: Socket): void;
  /**
   * An authorized request begins, which makes its connection known. Returns the function to call when the request has ended; undefined
   * where the connection has gone, or all known connections at the limit have a request under way.
   */
  begin(socket: Socket): (() => void) | undefined;
  /** The number of requests under way. */
  active(): number;
  counts(): ConnectionCounts;
  /** Drops the newcomers. */
  close(): void;
}

/** Of the known ones, `active` have a request under way. */
export interface ConnectionCounts {
  newcomers: number;
  known: number;
  active: number;
}

/** The time a newcomer has until its first authorized request. An honest client takes milliseconds. */
const NEWCOMER_MS = 10_000;

const REPORT_EVERY_MS = 60_000;

interface Connection {
  socket: Socket;
  network: string;
  deadline: NodeJS.Timeout;
  active: boolean;
}

/** `openFiles` is the limit of the process: where it is low, a hundred served files and the program's own still find room. */
export function connectionLimits(openFiles: number): ConnectionLimits {
  const quarter = Math.max(8, Math.floor(openFiles / 4));
  return {
    newcomers: Math.min(512, quarter),
    newcomersPerNetwork: Math.min(64, quarter / 2),
    known: Math.min(256, quarter),
  };
}

export function createConnections(
  limits: ConnectionLimits,
  warn: (text: string) => void,
  newcomerMs = NEWCOMER_MS,
): Connections {
  const all = new Map<string, Connection>();
  const newcomers = new Set<Connection>(); // the oldest first
  const newcomersOf = new Map<string, Set<Connection>>(); // of each network, the oldest first
  const known = new Set<Connection>(); // the one that has been idle longest first
  let reportedMs = Number.NEGATIVE_INFINITY;

  function accept(socket: Socket): void {
    const { remoteAddress } = socket;
    if (remoteAddress === undefined) return void socket.destroy(); // the client has gone already
    const network = networkOf(remoteAddress);
    if (newcomers.size >= limits.newcomers) {
      drop(newcomerToDrop(network));
      reportFull(plainAddress(remoteAddress));
    }
    const connection = { socket, network, deadline: setTimeout(() => drop(connection), newcomerMs), active: false };
    const name = endpointsOf(socket);
    all.set(name, connection);
    newcomers.add(connection);
    newcomersOf.set(network, (newcomersOf.get(network) ?? new Set()).add(connection));
    socket.once('close', () => {
      leaveNewcomers(connection);
      known.delete(connection);
      all.delete(name);
    });
  }

  /** A network with many newcomers loses its own oldest, not that of another network. */
  function newcomerToDrop(network: string): Connection {
    const own = newcomersOf.get(network);
    const [first] = own && own.size >= limits.newcomersPerNetwork ? own : newcomers;
    return first!;
  }

  function leaveNewcomers(connection: Connection): void {
    const { network, deadline } = connection;
    clearTimeout(deadline);
    newcomers.delete(connection);
    const own = newcomersOf.get(network);
    own?.delete(connection);
    if (own?.size === 0) newcomersOf.delete(network);
  }

  function reportFull(address: string): void {
    const nowMs = performance.now();
    if (nowMs < reportedMs + REPORT_EVERY_MS) return;
    reportedMs = nowMs;
    warn(
      `more than ${limits.newcomers} connections have sent no authorized request yet: the oldest are dropped; the last came from ${address}`,
    );
  }

  /** `destroy` and no reset: Node 20 leaves a socket open for ever that is closed while it is about to be reset. */
  function drop(connection: Connection): void {
    leaveNewcomers(connection);
    known.delete(connection);
    connection.socket.destroy();
  }

  function begin(socket: Socket): (() => void) | undefined {
    const connection = all.get(endpointsOf(socket));
    if (connection === undefined) return undefined;
    if (!known.has(connection) && !moveToKnown(connection)) return undefined;
    connection.active = true;
    return () => {
      connection.active = false;
      if (known.delete(connection)) known.add(connection);
    };
  }

  function moveToKnown(connection: Connection): boolean {
    if (known.size >= limits.known) {
      const idle = [...known].find(({ active }) => !active);
      if (idle === undefined) return false;
      drop(idle);
    }
    leaveNewcomers(connection);
    known.add(connection);
    return true;
  }

  const active = (): number => [...known].filter((connection) => connection.active).length;

  return {
    accept,
    begin,
    active,
    counts: () => ({ newcomers: newcomers.size, known: known.size, active: active() }),
    close: () => newcomers.forEach(drop),
  };
}

/** The same text for a TLS connection and for the TCP connection below it. */
const endpointsOf = ({ remoteAddress, remotePort, localAddress }: Socket): string =>
  `${remoteAddress} ${remotePort} ${localAddress}`;
