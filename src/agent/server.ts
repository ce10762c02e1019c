// The agent's HTTP server: connections, deadlines, TLS and draining. What is replied comes from `answer`.

import { createServer as createHttpServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import { type AddressInfo, createServer, type Server as PlainServer, type Socket } from 'node:net';
import type { TlsOptions } from 'node:tls';
import { errnoOf, LmError, printable } from '../errors.js';
import { hostAndPort, plainAddress } from '../linux/addresses.js';
import { openFileLimit } from '../linux/open-file-limit.js';
import type { Pacer } from '../pace/rate.js';
import { type ConnectionCounts, connectionLimits, createConnections } from './connections.js';
import { requestOf } from './incoming.js';
import { errorReply, type Reply } from './reply.js';
import type { Request } from './request.js';
import { send } from './send.js';

interface ServerSetup {
  /** Without brackets. Port 0 takes a free one. */
  listen: { host: string; port: number };
  /** Undefined for plain HTTP. */
  tls: TlsOptions | undefined;
  pacer: Pacer;
  /** Called before anything else is done for a request. The connection is closed after a refusal. */
  authorize(request: Request): Reply | undefined;
  answer(request: Request): Promise<Reply>;
  /** Called when an authorized request begins. Returns the function to call when it has ended. */
  begun?(request: Request): () => void;
  /** Called when bytes of a body have been sent to this address. */
  sent?(remote: string, bytes: number): void;
  /** Called when a connection gets no TLS session; `reason` is Node's error code or message. */
  tlsFailed?(remote: string, reason: string): void;
  /** Called after each request; never throws. `holds` is what a reply that was sent whole does. */
  served(request: ServedRequest, holds?: Reply['holds']): void;
  /** Called for a failure after a reply was sent. */
  warn(text: string): void;
}

/** One line of an access log. */
export interface ServedRequest {
  remote: string;
  method: string;
  target: string;
  status: number;
  /** Bytes of the body that were sent. */
  bytes: number;
  elapsedMs: number;
  /** Whether the reply was cut short. */
  aborted: boolean;
  /** What the request has changed. */
  audit?: string;
}

export interface RunningServer {
  url: URL;
  /** The number of authorized requests under way. */
  active(): number;
  connections(): ConnectionCounts;
  /** Sets the TLS options of new connections. Closes the open ones, each after its request under way. */
  secure(tls: TlsOptions): void;
  /**
   * Accepts no new connection. Resolves when the last request has ended, or after `graceMs`, with the number of requests that are cut off
   * then.
   */
  drain(graceMs: number): Promise<number>;
  /** Resolves once `served` has been called for the last request. */
  ended(): Promise<void>;
}

/** Against clients that hold a connection without using it. connections.ts, incoming.ts and send.ts have further deadlines. */
const DEADLINES = {
  headersTimeout: 20_000,
  requestTimeout: 60_000,
  keepAliveTimeout: 75_000, // longer than clients keep a connection idle, so that they seldom use one that is closing
  connectionsCheckingInterval: 5_000,
};
const TLS_HANDSHAKE_MS = 10_000;

/** Requests of a connection that wait for the one under way. Node has parsed them already: to stop reading would not keep them out. */
const MAX_PIPELINED = 32;

/** Throws what `startServer` would throw for an address that cannot be listened on, before anything is made for the agent. */
export async function tryToListen(address: ServerSetup['listen']): Promise<void> {
  const server = createServer((socket) => socket.destroy());
  await listenAt(server, address);
  await new Promise((closed) => server.close(closed));
}

/** Throws `usage` for an address that cannot be listened on. */
export async function startServer(setup: ServerSetup): Promise<RunningServer> {
  const running = new Set<Promise<void>>();
  const queues = new WeakMap<Socket, { length: number; last: Promise<void> }>();
  const connections = createConnections(connectionLimits(openFileLimit()), setup.warn);
  const epochs = new WeakMap<Socket, number>(); // of TLS connections: the epoch at their handshake
  let epoch = 0;
  let draining = false;
  const isOutdated = (socket: Socket): boolean => (epochs.get(socket) ?? epoch) !== epoch;

  /** Serves one request at a time of a connection. A client that sends too many ahead loses the connection. */
  function handle(message: IncomingMessage, response: ServerResponse): void {
    const { socket } = message;
    const queue = queues.get(socket) ?? { length: 0, last: Promise.resolve() };
    queues.set(socket, queue);
    if (queue.length > MAX_PIPELINED) return void socket.destroy();
    queue.length++;
    const ended = queue.last.then(() => serve(message, response));
    queue.last = ended;
    running.add(ended);
    void ended.finally(() => {
      queue.length--;
      running.delete(ended);
      if (draining) server.closeIdleConnections();
    });
  }

  async function serve(message: IncomingMessage, response: ServerResponse): Promise<void> {
    const begunMs = performance.now();
    const { socket } = message;
    if (isOutdated(socket)) socket.destroy();
    if (!socket.writable) return; // closed after the reply before
    const gone = new AbortController();
    const request = requestOf(message, response, gone.signal);
    const refusal = setup.authorize(request);
    const end = refusal ? undefined : connections.begin(socket);
    const ended = end && setup.begun?.(request);
    const onClose = (): void => gone.abort(new Error('the client went away'));
    socket.once('close', onClose);
    const reply = refusal ?? (end ? await setup.answer(request) : noSlotReply());
    const unread = message.complete ? undefined : message;
    let bytes = 0;
    let aborted = false;
    try {
      response.shouldKeepAlive &&= end !== undefined && !unread && !draining && !isOutdated(socket);
      bytes = await send(reply, response, {
        head: request.isHead,
        pacer: setup.pacer,
        signal: gone.signal,
        unread,
        sent: (bytes) => setup.sent?.(request.remote, bytes),
      });
    } catch {
      aborted = true; // for the log; the client sees a broken connection
    } finally {
      socket.off('close', onClose);
      end?.();
      ended?.();
      finish(reply, request.target);
      if (isOutdated(socket)) socket.end();
    }
    const elapsedMs = performance.now() - begunMs;
    const { method, url } = message;
    const served: ServedRequest = {
      remote: request.remote,
      method: method!,
      target: url!,
      status: reply.status,
      bytes,
      elapsedMs,
      aborted,
      ...(reply.audit !== undefined && { audit: reply.audit }),
    };
    setup.served(served, aborted || request.isHead ? undefined : reply.holds);
  }

  /** A file that cannot be closed must not end the agent. */
  function finish(reply: Reply, target: string): void {
    try {
      reply.done?.();
    } catch (error) {
      setup.warn(`cannot close what was sent for ${printable(target)}: ${errnoOf(error) ?? error}`);
    }
  }

  const secure =
    setup.tls && createHttpsServer({ ...DEADLINES, handshakeTimeout: TLS_HANDSHAKE_MS, ...setup.tls }, handle);
  const server: Server = secure ?? createHttpServer(DEADLINES, handle);
  secure?.on('secureConnection', (socket) => epochs.set(socket, epoch));
  secure?.on('tlsClientError', (error, socket) =>
    setup.tlsFailed?.(plainAddress(socket.remoteAddress ?? ''), errnoOf(error) ?? error.message),
  );
  server.on('connection', connections.accept); // below TLS
  server.on('checkContinue', handle).on('checkExpectation', handle); // else Node answers them before `authorize`
  await listenAt(server, setup.listen);

  async function drain(graceMs: number): Promise<number> {
    draining = true;
    server.close();
    let late: NodeJS.Timeout | undefined;
    const grace = new Promise<void>((resolve) => {
      late = setTimeout(resolve, graceMs);
    });
    await Promise.race([allEnded(running), grace]);
    clearTimeout(late);
    const cut = running.size;
    connections.close();
    server.closeAllConnections();
    return cut;
  }

  return {
    url: urlOf(server, setup),
    active: connections.active,
    connections: connections.counts,
    secure(tls) {
      secure?.setSecureContext(tls);
      epoch++;
      server.closeIdleConnections();
    },
    drain,
    ended: () => allEnded(running),
  };
}

async function allEnded(running: Set<Promise<void>>): Promise<void> {
  while (running.size > 0) await Promise.all(running);
}

const noSlotReply = (): Reply =>
  errorReply(503, 'all connections that the agent can serve at once are in use', { 'retry-after': 1 });

const listenAt = (server: PlainServer, address: ServerSetup['listen']): Promise<void> =>
  listen(server, address).catch((error) => {
    if (address.host !== '::' || errnoOf(error.cause) !== 'EAFNOSUPPORT') throw error;
    return listen(server, { ...address, host: '0.0.0.0' }); // every address, on a host without IPv6
  });

/**
 * Listens with Node's backlog of 511. A client waits for all connections before its own in the backlog: beside 10,000 hostile clients that
 * connect again as soon as they are dropped, replies took up to 13 s with a backlog of 4096, 6 s with 511, and 5 s with 128, where the
 * kernel turns more clients away for a second.
 */
function listen(server: PlainServer, { host, port }: ServerSetup['listen']): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (cause) =>
      reject(
        new LmError(
          'cannot-listen',
          `cannot listen on ${printable(host)}, port ${port}: ${errnoOf(cause) ?? cause.message}`,
          {
            cause,
            hint: LISTEN_HINTS[errnoOf(cause) ?? ''],
          },
        ),
      ),
    );
    server.listen(port, host, resolve);
  });
}

const LISTEN_HINTS: Readonly<Record<string, string>> = {
  EADDRINUSE: 'another lm serve, or a Sidecar, may be running there',
  EADDRNOTAVAIL: 'this host has no such address; --listen :PORT is every address it has',
  ENOTFOUND: 'this host cannot resolve that name; --listen :PORT is every address it has',
};

function urlOf(server: Server, { tls }: ServerSetup): URL {
  const { address, port } = server.address() as AddressInfo;
  return new URL(`${tls ? 'https' : 'http'}://${hostAndPort(address, port)}`);
}
