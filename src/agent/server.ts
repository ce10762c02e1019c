// Sockets in, replies out: connections, deadlines, draining. Decides nothing about what is answered.

import { createServer as createHttpServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { TlsOptions } from 'node:tls';
import { errnoOf, LmError, printable } from '../errors.js';
import type { Pacer } from '../wire/rate.js';
import type { Request } from './replies.js';
import type { Reply } from './reply.js';
import { send } from './send.js';

export interface ServerSetup {
  /** Without brackets. Port 0 takes a free one. */
  listen: { host: string; port: number };
  /** Plain HTTP without. */
  tls: TlsOptions | undefined;
  pacer: Pacer;
  answer(request: Request): Promise<Reply>;
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
  /** Requests under way. */
  active(): number;
  /**
   * Accepts nothing new and resolves when the last request has ended, or after `graceMs`, when what is left is cut off.
   * Tells how many requests that was.
   */
  drain(graceMs: number): Promise<number>;
  /** Resolves once the last request, cut off or not, has been told to `served`. */
  ended(): Promise<void>;
}

/** Against clients that hold a connection without using it. A reply that nobody reads is ended by send.ts. */
const DEADLINES = {
  headersTimeout: 20_000,
  requestTimeout: 60_000,
  keepAliveTimeout: 75_000, // longer than clients keep theirs, so that they seldom meet a closing one
  connectionsCheckingInterval: 5_000,
};
const TLS_HANDSHAKE_MS = 10_000;
const MOST_CONNECTIONS = 1024;
const MOST_DISCARDED_BYTES = 64 << 20;

/** Throws `usage` for an address that cannot be listened on. */
export async function startServer(setup: ServerSetup): Promise<RunningServer> {
  const running = new Map<ServerResponse, Promise<void>>();
  let draining = false;

  const handle = (message: IncomingMessage, response: ServerResponse): void => {
    const ended = serve(message, response).finally(() => {
      running.delete(response);
      if (draining) server.closeIdleConnections();
    });
    running.set(response, ended);
  };

  async function serve(message: IncomingMessage, response: ServerResponse): Promise<void> {
    const begunMs = performance.now();
    const { socket } = message;
    const remote = socket.remoteAddress ?? '';
    const gone = new AbortController();
    const leave = (): void => gone.abort(new Error('the client went away'));
    socket.setMaxListeners(0).once('close', leave); // of requests sent ahead, the responses that wait are not told
    const request = requestOf(message);
    const { target } = request;
    const reply = await setup.answer(request);
    let bytes = 0;
    let aborted = false;
    try {
      response.shouldKeepAlive &&= !draining;
      bytes = await send(reply, response, { head: request.isHead, pacer: setup.pacer, signal: gone.signal });
    } catch {
      aborted = true; // told by the log; the connection is broken, which is all a client can be told
    } finally {
      socket.off('close', leave);
      finish(reply, target);
    }
    const elapsedMs = performance.now() - begunMs;
    setup.served({ remote, method: message.method!, target, status: reply.status, bytes, elapsedMs, aborted });
  }

  /** One file that cannot be closed must not end the agent for everybody. */
  function finish(reply: Reply, target: string): void {
    try {
      reply.done?.();
    } catch (error) {
      setup.warn(`cannot close what was sent for ${printable(target)}: ${errnoOf(error) ?? error}`);
    }
  }

  const server: Server = setup.tls
    ? createHttpsServer({ ...DEADLINES, handshakeTimeout: TLS_HANDSHAKE_MS, ...setup.tls }, handle)
    : createHttpServer(DEADLINES, handle);
  server.maxConnections = MOST_CONNECTIONS;
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
    server.closeAllConnections();
    return cut;
  }

  return { url: urlOf(server, setup), active: () => running.size, drain, ended: () => allEnded(running) };
}

async function allEnded(running: Map<ServerResponse, Promise<void>>): Promise<void> {
  while (running.size > 0) await Promise.all(running.values());
}

function requestOf(message: IncomingMessage): Request {
  const isHead = message.method === 'HEAD';
  return {
    method: isHead ? 'GET' : message.method!,
    isHead,
    target: message.url!,
    headers: message.headers,
    readBody: (limit) => readBody(message, limit),
  };
}

/** A body that is too long is read to its end all the same: a client that is still writing would miss the answer. */
async function readBody(message: IncomingMessage, limit: number): Promise<Uint8Array | undefined> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of message.iterator({ destroyOnReturn: false })) {
    bytes += chunk.length;
    if (bytes <= limit) chunks.push(chunk);
    if (bytes <= MOST_DISCARDED_BYTES) continue;
    message.destroy(); // it would fill the connection until the request times out
    break;
  }
  return bytes <= limit ? Buffer.concat(chunks) : undefined;
}

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
  const { address, family, port } = server.address() as AddressInfo;
  const host = family === 'IPv6' ? `[${address}]` : address;
  return new URL(`${tls ? 'https' : 'http'}://${host}:${port}`);
}
