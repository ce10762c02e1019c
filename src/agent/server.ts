// Sockets in, replies out: connections, deadlines, draining. Decides nothing about what is answered.

import { createServer as createHttpServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import type { TlsOptions } from 'node:tls';
import { errnoOf, LmError, printable } from '../errors.js';
import { hostAndPort, plainAddress } from '../linux/addresses.js';
import { openFileLimit } from '../linux/open-file-limit.js';
import type { Pacer } from '../wire/rate.js';
import { createConnections, placesFor } from './connections.js';
import { requestOf } from './incoming.js';
import { errorReply, type Reply } from './reply.js';
import type { Request } from './request.js';
import { send } from './send.js';

export interface ServerSetup {
  /** Without brackets. Port 0 takes a free one. */
  listen: { host: string; port: number };
  /** Plain HTTP without. */
  tls: TlsOptions | undefined;
  pacer: Pacer;
  /** Asked before anything is made for a request. After a refusal the connection is closed. */
  authorize(request: Request): Reply | undefined;
  answer(request: Request): Promise<Reply>;
  /** A request that may pass begins. Returns what to call when it has ended. */
  begun?(request: Request): () => void;
  /** Bytes of a body have gone to this address. */
  sent?(remote: string, bytes: number): void;
  /** A connection came to no TLS session, for the reason that Node names. */
  unencrypted?(remote: string, reason: string): void;
  /** Called after each request; never throws. */
  served(request: ServedRequest): void;
  /** Hears of what failed once a reply had gone. */
  warn(text: string): void;
}

/** One line of an access log. */
export interface ServedRequest {
  remote: string;
  method: string;
  target: string;
  status: number;
  /** Of the body. */
  bytes: number;
  elapsedMs: number;
  /** The client did not get all of it. */
  aborted: boolean;
}

export interface RunningServer {
  url: URL;
  /** Requests under way that were not refused. */
  active(): number;
  /** For new connections, of a server with TLS. Those that are open are closed, each when the request under way has ended. */
  secure(tls: TlsOptions): void;
  /**
   * Accepts nothing new and resolves when the last request has ended, or after `graceMs`, when what is left is cut off.
   * Tells how many requests that was.
   */
  drain(graceMs: number): Promise<number>;
  /** Resolves once the last request, cut off or not, has been told to `served`. */
  ended(): Promise<void>;
}

/** Against clients that hold a connection without using it. More in connections.ts and incoming.ts; a reply that nobody reads is ended by send.ts. */
const DEADLINES = {
  headersTimeout: 20_000,
  requestTimeout: 60_000,
  keepAliveTimeout: 75_000, // longer than clients keep theirs, so that they seldom meet a closing one
  connectionsCheckingInterval: 5_000,
};
const TLS_HANDSHAKE_MS = 10_000;

/** Requests that wait on a connection for the one under way. Node has parsed them already: reading no more would not keep them out. */
const MAX_AHEAD = 32;

/** Throws `usage` for an address that cannot be listened on. */
export async function startServer(setup: ServerSetup): Promise<RunningServer> {
  const running = new Set<Promise<void>>();
  const queues = new WeakMap<Socket, { length: number; last: Promise<void> }>();
  const connections = createConnections(placesFor(openFileLimit()), setup.warn);
  const epochs = new WeakMap<Socket, number>(); // of TLS connections: what was in force at the handshake
  let epoch = 0;
  let draining = false;
  const isOutdated = (socket: Socket): boolean => (epochs.get(socket) ?? epoch) !== epoch;

  /** One at a time on a connection. A client that sends too far ahead loses it. */
  function handle(message: IncomingMessage, response: ServerResponse): void {
    const { socket } = message;
    const queue = queues.get(socket) ?? { length: 0, last: Promise.resolve() };
    queues.set(socket, queue);
    if (queue.length > MAX_AHEAD) return void socket.destroy();
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
    if (!socket.writable) return; // closed after the answer before
    const gone = new AbortController();
    const request = requestOf(message, response, gone.signal);
    const refusal = setup.authorize(request);
    const end = refusal ? undefined : connections.begin(socket);
    const ended = end && setup.begun?.(request);
    const leave = (): void => gone.abort(new Error('the client went away'));
    socket.once('close', leave);
    const reply = refusal ?? (end ? await setup.answer(request) : noPlaceReply());
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
      aborted = true; // told by the log; the connection is broken, which is all a client can be told
    } finally {
      socket.off('close', leave);
      end?.();
      ended?.();
      finish(reply, request.target);
      if (isOutdated(socket)) socket.end();
    }
    const elapsedMs = performance.now() - begunMs;
    const { method, url } = message;
    setup.served({
      remote: request.remote,
      method: method!,
      target: url!,
      status: reply.status,
      bytes,
      elapsedMs,
      aborted,
    });
  }

  /** One file that cannot be closed must not end the agent for everybody. */
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
    setup.unencrypted?.(plainAddress(socket.remoteAddress ?? ''), errnoOf(error) ?? error.message),
  );
  server.on('connection', connections.accept); // below TLS
  server.on('checkContinue', handle).on('checkExpectation', handle); // else Node answers them before anybody is asked
  await listen(server, setup.listen).catch((error) => {
    if (setup.listen.host !== '::' || errnoOf(error.cause) !== 'EAFNOSUPPORT') throw error;
    return listen(server, { ...setup.listen, host: '0.0.0.0' }); // every address, on a host without IPv6
  });

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

const noPlaceReply = (): Reply =>
  errorReply(503, 'every connection that the agent has a place for is in use', { 'retry-after': 1 });

/**
 * With Node's backlog of 511. Whoever connects waits for all that stand in it before him: beside 10,000 strangers that come back as soon as
 * they are dropped, answers took up to 13 s with 4096, 6 s with 511, and 5 s with 128, where the kernel turns more clients away for a second.
 */
function listen(server: Server, { host, port }: ServerSetup['listen']): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (cause) =>
      reject(
        new LmError('usage', `cannot listen on ${printable(host)}, port ${port}: ${errnoOf(cause) ?? cause.message}`, {
          cause,
          ...(errnoOf(cause) === 'EADDRINUSE' && { hint: 'another lm serve, or a Sidecar, may be running there' }),
        }),
      ),
    );
    server.listen(port, host, resolve);
  });
}

function urlOf(server: Server, { tls }: ServerSetup): URL {
  const { address, port } = server.address() as AddressInfo;
  return new URL(`${tls ? 'https' : 'http'}://${hostAndPort(address, port)}`);
}
