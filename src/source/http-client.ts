// Requests to one origin over undici, with its token and TLS. Follows no redirect, uses no proxy, and knows no route.

import { setMaxListeners } from 'node:events';
import type { TLSSocket } from 'node:tls';
import type { buildConnector, Dispatcher } from 'undici';
import { excerpt, LmError } from '../errors.js';
import type { Method } from '../wire/routes.js';
import { TLS_CLIENT } from '../wire/tls.js';
import { atFirstContact, type Failure, failureOfError, failureOfStatus, NO_PROXY } from './failure.js';
import { PATIENCE, type Patience, Watch } from './patience.js';
import { PINNED, pinFault } from './pin.js';
import type { Attempt } from './retry.js';

/** How to reach the source. Certificates and keys are PEM text. */
export interface SourceAddress {
  /** `http://host:port` or `https://host:port`, without a path. */
  url: string;
  token?: string | undefined;
  caCert?: string | undefined;
  clientCert?: string | undefined;
  clientKey?: string | undefined;
  /** The SHA-256 of the source's certificate, as `AB:CD:…`: then no authority and no name counts. */
  pin?: string | undefined;
  /** Asked when the source refuses the token, or wants one: what to do about it, if that is known. */
  tokenHint?: () => Promise<string | undefined>;
}

export interface Ask {
  /** The request as people know it: `the listing`. */
  asked: string;
  method?: Method;
  /** Sent as it is: never encoded, decoded or normalised. */
  target: string;
  headers?: Record<string, string>;
  body?: Uint8Array;
  /** How long the source may be silent, before its answer and within it. */
  silenceMs: number;
  /** How long it may give nothing but signs of life. */
  aliveMs?: number;
  signal: AbortSignal;
}

/** A 200. A body that is not read holds its connection until the client is closed. */
export interface Answer {
  header(name: string): string | undefined;
  /** Ends with a `source` error when it falls silent. */
  body: AsyncIterable<Uint8Array>;
  /** To be called for all that was of use in the body: what is waited for in between is told after a minute. */
  progressed(): void;
}

export interface ClientOptions extends SourceAddress {
  patience?: Patience;
  /** Hears of an answer that keeps its client waiting: see `Waiting`. */
  say?(asked: string, forMs: number, alive: boolean): void;
}

export interface HttpClient {
  readonly origin: string;
  /** Any status but 200 is a failure. Throws nothing. */
  ask(ask: Ask): Promise<Attempt<Answer>>;
  close(): Promise<void>;
}

const CONNECT_TIMEOUT_MS = 10_000;

/** undici is loaded here, some 50 ms in which the threads of listings and digests can start. Throws `usage` for what is no origin. */
export async function createHttpClient(options: ClientOptions): Promise<HttpClient> {
  const origin = originOf(options.url);
  const { Pool, buildConnector } = (await import('undici')).default;
  const { caCert: ca, clientCert: cert, clientKey: key, pin, token } = options;
  const { patience = PATIENCE, say } = options;
  const plain = { ...TLS_CLIENT, cert, key, timeout: CONNECT_TIMEOUT_MS };
  const connect =
    pin === undefined ? { ...plain, ca } : pinned(buildConnector({ ...plain, ...PINNED, maxCachedSessions: 0 }), pin);
  const pool = new Pool(origin, { allowH2: false, connect });
  const always = token === undefined ? {} : { authorization: `Bearer ${token}` };
  let answered = false;
  return {
    origin,
    async ask(ask) {
      const { asked, method = 'GET', target, headers, body = null } = ask;
      const { watch, signal, over } = watchOver(ask, patience, say);
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
          message: messageIn(await textOf(answer.body, 16_384)),
          withToken: token !== undefined,
        };
        return { failure: failureOfStatus(refusal, asked, origin, Date.now()) };
      } catch (error) {
        over();
        const failure = unanswered(failureOfError(error, origin, answered));
        return { failure: answered ? failure : atFirstContact(failure, origin, cert !== undefined) };
      }
    },
    close: () => pool.destroy(),
  };
}

/** Silence before the head of an answer is a source that is lost, not one that has answered with too little. */
const unanswered = (failure: Failure): Failure =>
  failure.kind === 'transient' ? { ...failure, answered: false } : failure;

/** The signal ends the request: that of its run, or a silence that has lasted too long. undici's own timeouts take a drip for an answer. */
function watchOver({ signal, ...ask }: Ask, patience: Patience, say: ClientOptions['say']) {
  const { asked, silenceMs, aliveMs = patience.aliveMs } = ask;
  const stop = new AbortController();
  const leave = (): void => stop.abort(signal.reason);
  setMaxListeners(0, signal); // every request under way listens to its run's one signal; the queue bounds their number
  signal.addEventListener('abort', leave);
  if (signal.aborted) leave();
  const end = (error: LmError): void => stop.abort(error);
  const waiting = {
    asked,
    silenceMs,
    aliveMs,
    say: (forMs: number, alive: boolean) => say?.(asked, forMs, alive),
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

/** Only the time in which the client waits for the next piece is the source's. */
async function* watched(body: AsyncIterable<Uint8Array>, watch: Watch): AsyncGenerator<Uint8Array> {
  watch.wait();
  for await (const chunk of body) {
    watch.rest();
    watch.received(chunk.length);
    yield chunk;
    watch.wait();
  }
}

/** A lane takes none either. An agent sends none, and each would start the time for the head anew. */
function refuseInterim({ statusCode }: { statusCode: number }): never {
  throw new LmError('protocol', `the source answered with HTTP ${statusCode}, which only announces an answer`, {
    hint: NO_PROXY,
  });
}

/** No request is written before the connector has handed over the socket. */
function pinned(connect: buildConnector.connector, pin: string): buildConnector.connector {
  return (options, done) =>
    connect(options, (error, socket) => {
      const fault = error ?? pinFault(socket as TLSSocket, pin);
      if (fault === undefined) return done(null, socket!);
      socket?.destroy();
      done(fault, null);
    });
}

function originOf(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const { protocol, origin, pathname, search, hash, username } = url ?? {};
  if (origin && /^https?:$/.test(protocol ?? '') && pathname === '/' && !search && !hash && !username) return origin;
  throw new LmError('usage', `not the URL of a source: ${text}`, { hint: 'write it as http://host:9043' });
}

/** The beginning of a body, as text; the rest is not read. */
export async function textOf(body: Answer['body'], limit: number): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of body) {
    chunks.push(chunk);
    bytes += chunk.length;
    if (bytes >= limit) break; // which destroys the body
  }
  return Buffer.concat(chunks).toString('utf8', 0, limit);
}

/** A Sidecar's errors carry a `message`; its guards send a `status` alone, which says no more than the code. */
function messageIn(text: string): string | undefined {
  try {
    const { message } = JSON.parse(text) as { message?: unknown };
    return typeof message === 'string' ? message : undefined;
  } catch {
    return undefined;
  }
}

/** For an answer of the wrong type: something else listens there. */
export function notOurs(answer: Answer, asked: string, origin: string): LmError {
  const type = answer.header('content-type') ?? 'no content type';
  const server = answer.header('server');
  const who = server === undefined ? '' : ` by ${excerpt(server)}`;
  return new LmError(
    'protocol',
    `${origin} is neither an lm agent nor a Sidecar: ${asked} was answered${who} with ${excerpt(type)}`,
    {
      hint: 'check the host and the port in the URL',
    },
  );
}

/** Whether the answer is of this media type, its parameters aside. */
export const isOfType = (answer: Answer, type: string): boolean =>
  (answer.header('content-type') ?? '').split(';')[0]!.trim().toLowerCase() === type;

/** The body, its faults turned into a `source` error that names what broke off: what has begun well was not to end so. */
export async function* bodyOf(answer: Answer, ask: Ask, origin: string): AsyncGenerator<Uint8Array> {
  try {
    yield* answer.body;
  } catch (error) {
    ask.signal.throwIfAborted();
    if (error instanceof LmError) throw error;
    const failure = failureOfError(error, origin);
    if (failure.kind === 'fatal' && !(failure.error instanceof LmError)) throw error;
    const reason = failure.kind === 'fatal' ? failure.error.message : failure.reason;
    const hint = 'run the same command again; what was copied is kept';
    throw new LmError('source', `${ask.asked} broke off: ${reason}`, { cause: error, hint });
  }
}
