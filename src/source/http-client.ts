// Sends requests to one origin over undici, with its token and TLS. It follows no redirect and uses no proxy.

import { setMaxListeners } from 'node:events';
import type { TLSSocket } from 'node:tls';
import type { buildConnector, Dispatcher } from 'undici';
import { RUN_AGAIN } from '../error-codes.js';
import { excerpt, LmError } from '../errors.js';
import { MAX_HEAD_BYTES, NO_PROXY } from '../wire/response.js';
import type { Method } from '../wire/routes.js';
import { TLS_CLIENT } from '../wire/tls.js';
import { atFirstContact, type Failure, failureOfError, failureOfStatus } from './failure.js';
import { PATIENCE, type Patience, type Waiting, Watch } from './patience.js';
import { PINNED, pinFault } from './pin.js';
import type { Attempt } from './retry.js';

/** How to reach the source. Certificates and keys are PEM texts. */
export interface SourceAddress {
  /** `http://host:port` or `https://host:port`, without a path. */
  url: string;
  /** What it is called in reports and messages; undefined for its URL. */
  name?: string;
  token?: string | undefined;
  caCert?: string | undefined;
  clientCert?: string | undefined;
  clientKey?: string | undefined;
  /** SHA-256 of the source's certificate, as `AB:CD:…`; with it no authority and no name is checked. */
  pin?: string | undefined;
  /** Called when the source refuses the token, or requires one: resolves with a hint, if there is one. */
  tokenHint?: () => Promise<string | undefined>;
}

export interface SourceRequest {
  /** What the request is for, in words for people: `the listing`. */
  what: string;
  method?: Method;
  /** Sent unchanged: never encoded, decoded or normalised. */
  target: string;
  headers?: Record<string, string>;
  body?: Uint8Array;
  /** How long the source may be silent, before its answer and within it. */
  silenceMs: number;
  /** How long the answer may bring nothing but signs of life. */
  aliveMs?: number;
  signal: AbortSignal;
}

/** An answer with status 200. A body that is not read keeps its connection until the client is closed. */
export interface Answer {
  header(name: string): string | undefined;
  /** Throws a `source` error when it falls silent. */
  body: AsyncIterable<Uint8Array>;
  /** The reader calls this for each useful piece of the body: a wait of a minute in between is reported. */
  progressed(): void;
}

interface ClientOptions extends SourceAddress {
  patience?: Patience;
  /** Reports an answer that keeps its client waiting: see `Waiting.report`. */
  reportWait?(what: string, forMs: number, alive: boolean): void;
}

export interface HttpClient {
  readonly origin: string;
  /** Any status but 200 is a failure. Throws nothing. */
  request(request: SourceRequest): Promise<Attempt<Answer>>;
  /** From now on these headers go with each request. */
  sendAlways(headers: Readonly<Record<string, string>>): void;
  close(): Promise<void>;
}

const CONNECT_TIMEOUT_MS = 10_000;

/** Loads undici, which takes some 15 ms, in which the threads of listings and digests can start. Throws `usage` for what is no origin. */
export async function createHttpClient(options: ClientOptions): Promise<HttpClient> {
  const origin = originOf(options.url);
  const { Pool, buildConnector } = await import('./undici/pool.js');
  const { caCert: ca, clientCert: cert, clientKey: key, pin, token } = options;
  const { patience = PATIENCE, reportWait } = options;
  const plain = { ...TLS_CLIENT, cert, key, timeout: CONNECT_TIMEOUT_MS };
  const connect = endedByErrors(
    pin === undefined
      ? buildConnector({ ...plain, ca })
      : pinned(buildConnector({ ...plain, ...PINNED, maxCachedSessions: 0 }), pin),
  );
  const pool = new Pool(origin, { allowH2: false, connect, maxHeaderSize: MAX_HEAD_BYTES });
  const always: Record<string, string> = token === undefined ? {} : { authorization: `Bearer ${token}` };
  let answered = false;
  return {
    origin,
    async request(sourceRequest) {
      const { what, method = 'GET', target, headers, body = null } = sourceRequest;
      const { watch, signal, over } = watchOver(sourceRequest, patience, reportWait);
      const request = { method, path: target, headers: { ...always, ...headers }, body, signal };
      try {
        const response = await pool.request({ ...request, headersTimeout: 0, bodyTimeout: 0, onInfo: refuseInterim });
        answered = true;
        response.body.once('close', over);
        const answer = answerOf(response, watch);
        if (response.statusCode === 200) return { value: answer };
        const refusal = {
          status: response.statusCode,
          retryAfter: answer.header('retry-after'),
          message: messageIn(await textOf(answer.body, MAX_ERROR_BYTES)),
          withToken: token !== undefined,
        };
        return { failure: failureOfStatus(refusal, what, origin, Date.now()) };
      } catch (error) {
        over();
        const failure = unanswered(failureOfError(error, origin, answered));
        return { failure: answered ? failure : atFirstContact(failure, origin, cert !== undefined) };
      }
    },
    sendAlways: (headers) => void Object.assign(always, headers),
    close: () => pool.destroy(),
  };
}

/** Silence before the head of an answer means a lost source, not one that has answered. */
const unanswered = (failure: Failure): Failure =>
  failure.kind === 'transient' ? { ...failure, answered: false } : failure;

/** Watches a request. The returned signal aborts it: when the run's own signal does, or after too long a silence. undici's timeouts would take a slow drip for an answer. */
function watchOver({ signal, ...request }: SourceRequest, patience: Patience, reportWait: ClientOptions['reportWait']) {
  const { what, silenceMs, aliveMs = patience.aliveMs } = request;
  const stop = new AbortController();
  const leave = (): void => stop.abort(signal.reason);
  setMaxListeners(0, signal); // every request listens to the one signal of its run; the queue limits their number
  signal.addEventListener('abort', leave);
  if (signal.aborted) leave();
  const end = (error: LmError): void => stop.abort(error);
  const waiting: Waiting = {
    what,
    silenceMs,
    aliveMs,
    report: (forMs: number, alive: boolean) => reportWait?.(what, forMs, alive),
    end,
  };
  const watch = new Watch(waiting, patience);
  const over = (): void => {
    watch.stop();
    signal.removeEventListener('abort', leave);
  };
  return { watch, signal: stop.signal, over };
}

function answerOf({ headers, body }: Dispatcher.ResponseData, watch: Watch): Answer {
  watch.rest();
  return {
    header: (name) => [headers[name] ?? []].flat()[0],
    body: watched(body, watch),
    progressed: () => watch.progressed(),
  };
}

/** Counts only the time in which the client waits for the next chunk as the source's silence. */
async function* watched(body: AsyncIterable<Uint8Array>, watch: Watch): AsyncGenerator<Uint8Array> {
  watch.wait();
  for await (const chunk of body) {
    watch.rest();
    watch.received(chunk.length);
    yield chunk;
    watch.wait();
  }
}

/** Refuses 1xx answers, as transfer workers do. An agent sends none, and each would restart the timeout of the head. */
function refuseInterim({ statusCode }: { statusCode: number }): never {
  throw new LmError('protocol', `the source answered with HTTP ${statusCode}, which only announces an answer`, {
    hint: NO_PROXY,
  });
}

/** undici writes no request before this connector hands over the socket. */
function pinned(connect: buildConnector.connector, pin: string): buildConnector.connector {
  return (options, done) =>
    connect(options, (error, socket) => {
      const fault = error ?? pinFault(socket as TLSSocket, pin);
      if (fault === undefined) return done(null, socket!);
      socket?.destroy();
      done(fault, null);
    });
}

/**
 * Destroys a socket with its first error. A TLS alert that comes after the handshake, as in TLS 1.3 for want of a client certificate, is an
 * error that leaves a socket open until the server hangs up, and undici then tells that alone.
 */
const endedByErrors =
  (connect: buildConnector.connector): buildConnector.connector =>
  (options, done) =>
    connect(options, (error, socket) => {
      socket?.once('error', (fault) => socket.destroy(fault));
      return error ? done(error, null) : done(null, socket!);
    });

function originOf(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const { protocol, origin, pathname, search, hash, username } = url ?? {};
  if (origin && /^https?:$/.test(protocol ?? '') && pathname === '/' && !search && !hash && !username) return origin;
  throw new LmError('source-url', `not the URL of a source: ${text}`, { hint: 'write it as http://host:9043' });
}

/** Limit of an answer that is one small JSON document. */
export const MAX_DOCUMENT_BYTES = 64 << 10;

/** Limit of what is read of an error's body. */
const MAX_ERROR_BYTES = 16 << 10;

/** The beginning of a body as text; the rest is not read. */
export async function textOf(body: Answer['body'], limit: number): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of body) {
    chunks.push(chunk);
    bytes += chunk.length;
    if (bytes >= limit) break; // `break` destroys the body
  }
  return Buffer.concat(chunks).toString('utf8', 0, limit);
}

/** A Sidecar's errors have a `message`; its guards send a `status` alone, which says no more than the code. */
function messageIn(text: string): string | undefined {
  try {
    const { message } = JSON.parse(text) as { message?: unknown };
    return typeof message === 'string' ? message : undefined;
  } catch {
    return undefined;
  }
}

/** The error for an answer of the wrong type: some other server listens there. */
export function unexpectedAnswer(answer: Answer, what: string, origin: string): LmError {
  const type = answer.header('content-type') ?? 'no content type';
  const server = answer.header('server');
  const who = server === undefined ? '' : ` by ${excerpt(server)}`;
  return new LmError(
    'not-an-agent',
    `${origin} is neither an lm agent nor a Sidecar: ${what} was answered${who} with ${excerpt(type)}`,
    {
      hint: 'check the host and the port in the URL',
    },
  );
}

/** Whether the answer has this media type, whatever its parameters. */
export const isOfType = (answer: Answer, type: string): boolean =>
  (answer.header('content-type') ?? '').split(';')[0]!.trim().toLowerCase() === type;

/** The body; an error of the network becomes a `source` error that names what broke off. */
export async function* bodyOf(answer: Answer, request: SourceRequest, origin: string): AsyncGenerator<Uint8Array> {
  try {
    yield* answer.body;
  } catch (error) {
    request.signal.throwIfAborted();
    if (error instanceof LmError) throw error;
    const failure = failureOfError(error, origin);
    if (failure.kind === 'fatal' && !(failure.error instanceof LmError)) throw error;
    const reason = failure.kind === 'fatal' ? failure.error.message : failure.reason;
    throw new LmError('cut-answer', `${request.what} broke off: ${reason}`, { cause: error, hint: RUN_AGAIN });
  }
}
