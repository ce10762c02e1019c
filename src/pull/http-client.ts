// Requests to one origin over undici, with its token and TLS. Follows no redirect, uses no proxy, and knows no route.

import { setMaxListeners } from 'node:events';
import { LmError, printable } from '../errors.js';
import { atFirstContact, failureOfError, failureOfStatus } from './failure.js';
import type { Attempt } from './retry.js';

/** How to reach the source. Certificates and keys are PEM text. */
export interface SourceAddress {
  /** `http://host:port` or `https://host:port`, without a path. */
  url: string;
  token?: string | undefined;
  caCert?: string | undefined;
  clientCert?: string | undefined;
  clientKey?: string | undefined;
}

export interface Ask {
  /** The request as people know it: `the listing`. */
  asked: string;
  method?: 'GET' | 'POST';
  /** Sent as it is: never encoded, decoded or normalised. */
  target: string;
  headers?: Record<string, string>;
  body?: Uint8Array;
  /** How long the source may be silent, before its answer and within it. */
  silenceMs: number;
  signal: AbortSignal;
}

/** A 200. A body that is not read holds its connection until the client is closed. */
export interface Answer {
  header(name: string): string | undefined;
  body: AsyncIterable<Uint8Array>;
}

export interface HttpClient {
  readonly origin: string;
  /** Any status but 200 is a failure. Throws nothing. */
  ask(ask: Ask): Promise<Attempt<Answer>>;
  close(): Promise<void>;
}

const CONNECT_TIMEOUT_MS = 10_000;

/** undici is loaded here, some 50 ms in which the threads of listings and digests can start. Throws `usage` for what is no origin. */
export async function createHttpClient(address: SourceAddress): Promise<HttpClient> {
  const origin = originOf(address.url);
  const { Pool } = (await import('undici')).default;
  const { caCert: ca, clientCert: cert, clientKey: key, token } = address;
  const pool = new Pool(origin, { allowH2: false, connect: { ca, cert, key, timeout: CONNECT_TIMEOUT_MS } });
  const always = token === undefined ? {} : { authorization: `Bearer ${token}` };
  let answered = false;
  return {
    origin,
    async ask({ asked, method = 'GET', target, headers, body, silenceMs, signal }) {
      const request = { method, path: target, headers: { ...always, ...headers }, body: body ?? null, signal };
      setMaxListeners(0, signal); // every request under way listens to its run's one signal; the queue bounds their number
      const timeouts = { headersTimeout: silenceMs, bodyTimeout: silenceMs };
      try {
        const response = await pool.request({ ...request, ...timeouts });
        answered = true;
        const header = (name: string): string | undefined => [response.headers[name] ?? []].flat()[0];
        if (response.statusCode === 200) return { value: { header, body: response.body } };
        const message = messageIn(await textOf(response.body, 16_384));
        const refusal = { status: response.statusCode, retryAfter: header('retry-after'), message };
        return { failure: failureOfStatus(refusal, asked, origin, Date.now()) };
      } catch (error) {
        const failure = failureOfError(error, origin, answered);
        return { failure: answered ? failure : atFirstContact(failure, origin, cert !== undefined) };
      }
    },
    close: () => pool.destroy(),
  };
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
  const who = server === undefined ? '' : ` by ${printable(server)}`;
  return new LmError(
    'protocol',
    `${origin} is neither an lm agent nor a Sidecar: ${asked} was answered${who} with ${printable(type)}`,
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
    const failure = failureOfError(error, origin);
    if (failure.kind === 'fatal' && !(failure.error instanceof LmError)) throw error;
    const reason = failure.kind === 'fatal' ? failure.error.message : failure.reason;
    const hint = 'run the same command again; what was copied is kept';
    throw new LmError('source', `${ask.asked} broke off: ${reason}`, { cause: error, hint });
  }
}
