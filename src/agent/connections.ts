// Which of the open connections are kept where there is no place for more. A newcomer, one that has shown no good request yet, makes room
// for the next, the oldest first; a client that is known makes room when it has been idle longest. Reads and writes nothing.

import type { Socket } from 'node:net';
import { networkOf, plainAddress } from '../linux/addresses.js';

export interface Places {
  newcomers: number;
  /** What one address, or one /64 of IPv6, may have of them when others want a place. */
  newcomersOfOne: number;
  known: number;
}

export interface Connections {
  /** A client has connected: `socket` is the TCP connection, below TLS. */
  accept(socket: Socket): void;
  /**
   * A good request begins, on a connection that is a newcomer no longer. Returns what to call when it has ended; undefined where the
   * connection has gone, or every place is taken by a request under way.
   */
  begin(socket: Socket): (() => void) | undefined;
  /** Requests under way. */
  active(): number;
  /** Drops the newcomers. */
  close(): void;
}

/** From the first byte of a handshake, or of a head, to a whole head that is good. A client that means well takes milliseconds. */
const NEWCOMER_MS = 10_000;

const TELL_EVERY_MS = 60_000;

interface Connection {
  socket: Socket;
  network: string;
  deadline: NodeJS.Timeout;
  active: boolean;
}

/** So that a hundred files and the program's own find room beside them, where a process may have few. */
export function placesFor(openFiles: number): Places {
  const quarter = Math.max(8, Math.floor(openFiles / 4));
  return {
    newcomers: Math.min(512, quarter),
    newcomersOfOne: Math.min(64, quarter / 2),
    known: Math.min(256, quarter),
  };
}

export function createConnections(places: Places, warn: (text: string) => void, newcomerMs = NEWCOMER_MS): Connections {
  const all = new Map<string, Connection>();
  const newcomers = new Set<Connection>(); // from the oldest
  const newcomersOf = new Map<string, Set<Connection>>(); // of each network, likewise
  const known = new Set<Connection>(); // from the one that has been idle longest
  let toldMs = Number.NEGATIVE_INFINITY;

  function accept(socket: Socket): void {
    const { remoteAddress } = socket;
    if (remoteAddress === undefined) return void socket.destroy(); // it has gone already
    const network = networkOf(remoteAddress);
    if (newcomers.size >= places.newcomers) {
      drop(oldest(network));
      tell(plainAddress(remoteAddress));
    }
    const connection = { socket, network, deadline: setTimeout(() => drop(connection), newcomerMs), active: false };
    const name = nameOf(socket);
    all.set(name, connection);
    newcomers.add(connection);
    newcomersOf.set(network, (newcomersOf.get(network) ?? new Set()).add(connection));
    socket.once('close', () => {
      leaveNewcomers(connection);
      known.delete(connection);
      all.delete(name);
    });
  }

  /** Whoever has taken many places takes none from others. */
  function oldest(network: string): Connection {
    const own = newcomersOf.get(network);
    const [first] = own && own.size >= places.newcomersOfOne ? own : newcomers;
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

  function tell(address: string): void {
    const nowMs = performance.now();
    if (nowMs < toldMs + TELL_EVERY_MS) return;
    toldMs = nowMs;
    warn(
      `more than ${places.newcomers} connections have asked for nothing yet, or without the token: the oldest are dropped; the last came from ${address}`,
    );
  }

  /** Not by a reset: where a socket is closed while it is about to be reset, Node 20 leaves it open for ever. */
  function drop(connection: Connection): void {
    leaveNewcomers(connection);
    known.delete(connection);
    connection.socket.destroy();
  }

  function begin(socket: Socket): (() => void) | undefined {
    const connection = all.get(nameOf(socket));
    if (connection === undefined) return undefined;
    if (!known.has(connection) && !getToKnow(connection)) return undefined;
    connection.active = true;
    return () => {
      connection.active = false;
      if (known.delete(connection)) known.add(connection);
    };
  }

  function getToKnow(connection: Connection): boolean {
    if (known.size >= places.known) {
      const idle = [...known].find(({ active }) => !active);
      if (idle === undefined) return false;
      drop(idle);
    }
    leaveNewcomers(connection);
    known.add(connection);
    return true;
  }

  return {
    accept,
    begin,
    active: () => [...known].filter(({ active }) => active).length,
    close: () => newcomers.forEach(drop),
  };
}

/** The same for a TLS connection and for the TCP connection below it. */
const nameOf = ({ remoteAddress, remotePort, localAddress }: Socket): string =>
  `${remoteAddress} ${remotePort} ${localAddress}`;
