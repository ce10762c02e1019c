// Classifies the failures of a request to the source by what another try could change, from error codes and HTTP statuses.

import { meaningOf, RUN_AGAIN } from '../error-codes.js';
import type { ErrorKind } from '../errors/kinds.js';
import { errnoOf, excerpt, LmError, printable, systemFailure } from '../errors.js';
import { MAX_HEAD_BYTES, NO_PROXY } from '../wire/response.js';
import { STALLED } from './patience.js';
import { PIN_MISMATCH } from './pin.js';

export type Failure =
  /** A kept-alive connection had been closed while it was idle: the request was never read. */
  | { kind: 'idle-reset'; reason: string }
  /** 503 or 429: the source has answered, and may say when to try again. */
  | { kind: 'busy'; reason: string; retryAfterMs?: number }
  /**
   * A failure of the network, or of the source for now. `answered`: the source has answered, with something else or less than the request
   * was for; `status`: its answer was an error. `finalError` is thrown, or `hint` is given, if the failure stays. `mayBeTls`: the source hung
   * up on plain HTTP, as a server that speaks TLS does.
   */
  | {
      kind: 'transient';
      reason: string;
      answered?: boolean;
      status?: number;
      cause?: unknown;
      finalError?: LmError;
      hint?: string;
      mayBeTls?: true;
    }
  /** Another try would fail in the same way; `status` when there was an answer. */
  | { kind: 'fatal'; error: Error; status?: number };

const TLS_CODES = /^(ERR_SSL_|ERR_TLS_|CERT_|CRL_|DEPTH_ZERO_|SELF_SIGNED_|UNABLE_TO_|INVALID_CA|HOSTNAME_MISMATCH)/;

/**
 * Classifies a thrown error. `where` is the source's origin. `reused`: the request was sent on a kept-alive connection, and not one byte of
 * an answer came back.
 */
export function failureOfError(error: unknown, where: string, reused = false): Failure {
  if (error instanceof LmError)
    return error.code === 'source'
      ? { kind: 'transient', reason: error.message, answered: true, cause: error, finalError: error }
      : { kind: 'fatal', error };
  const { code, text, syscall, cause } = innermost(error);
  const { reason, isTransient, isClosed } = meaningOf(code);
  if (reused && isClosed) return { kind: 'idle-reset', reason: 'idle connection closed' };
  if (isTransient)
    return { kind: 'transient', reason: `${where}: ${reason ? `${reason} (${code})` : code}`, cause: error };
  if (code.endsWith('BAD_RECORD_MAC')) return { kind: 'transient', reason: DAMAGED, answered: true, cause: error };
  if (isUnresolvable(code, syscall)) return { kind: 'transient', reason: noSuchHost(where), cause: error };
  if (code === 'EPROTO' || TLS_CODES.test(code))
    return fatal('tls', `no TLS session with ${where}: ${tlsReason(text)}`, tlsHint(code, tlsReason(text)), error);
  if (code.startsWith('HPE_') || (error as Error | null)?.name === 'HTTPParserError')
    return fatal('not-an-agent', `${where} does not answer in HTTP: ${text}`, IF_TLS, error);
  if (code === 'UND_ERR_HEADERS_OVERFLOW')
    return fatal('protocol', `${where} sent more than ${MAX_HEAD_BYTES / 1024} KiB of header fields`, NO_PROXY, error);
  if (INVALID_ANSWER.has(code))
    return fatal('protocol', `${where} does not answer in HTTP/1.1: ${code}`, NO_PROXY, error);
  if (SOCKET_CALLS.has(syscall) && !systemFailure(cause))
    return { kind: 'transient', reason: `${where}: ${syscall} ${code}`, cause: error };
  return { kind: 'fatal', error: error instanceof Error ? error : new Error(String(error)) };
}

/**
 * Classifies again before the first answer, when it is not known yet what listens there, if anything does. A name that does not resolve is
 * then a mistake in the URL. A server that does not accept a client certificate may let a TLS 1.3 handshake end and then hang up without an
 * alert, as Node does; one that speaks TLS hangs up on plain HTTP. A server that is being restarted does the same, hence the further tries.
 */
export function atFirstContact(failure: Failure, where: string, hasCertificate: boolean): Failure {
  if (failure.kind !== 'transient' || failure.cause === undefined) return failure;
  const { code, syscall } = innermost(failure.cause);
  if (isUnresolvable(code, syscall))
    return fatal(
      'source-url',
      noSuchHost(where),
      'check the name in the URL, and that this host can resolve it',
      failure.cause,
    );
  if (failure.finalError)
    return {
      ...failure,
      finalError: new LmError('source-unreachable', failure.reason, { hint: NOBODY_THERE, cause: failure.cause }),
    };
  if (!meaningOf(code).isClosed) return { ...failure, hint: NOBODY_THERE };
  if (!where.startsWith('https:')) return { ...failure, hint: IF_TLS, mayBeTls: true };
  const finalError = new LmError('tls', `${where} hangs up after the TLS handshake`, {
    hint: hasCertificate
      ? 'it may not accept the client certificate: it must be valid, and signed by one the source trusts (--client-ca there)'
      : 'it may demand a client certificate: give one it trusts with --client-cert and --client-key',
    cause: failure.cause,
  });
  return { ...failure, finalError };
}

/** undici's codes for an answer that contradicts its own head. */
const INVALID_ANSWER = new Set(['UND_ERR_RES_EXCEEDED_MAX_SIZE', 'UND_ERR_RESPONSE', 'UND_ERR_INFO', 'ERR_ASSERTION']);

const DAMAGED = 'bytes were damaged on the way';
const NOBODY_THERE = 'is lm serve running there, on this port, and does it listen beyond loopback (--listen)?';
const IF_TLS = 'if the source serves TLS, write https:// in the URL';

/** Calls on a socket, which have more error codes than the table can list: a firewall of this host, an unusable address. */
const SOCKET_CALLS = new Set(['connect', 'read', 'write']);

/** Whether a resolver says that a name does not exist; EAI_AGAIN is transient. */
const isUnresolvable = (code: string, syscall: string): boolean =>
  code === 'ENOTFOUND' || (syscall === 'getaddrinfo' && !meaningOf(code).isTransient);

const noSuchHost = (where: string): string => `no such host: ${where}`;

/** undici and `net` wrap the error that matters as a cause, or one per address tried in an AggregateError. */
function innermost(error: unknown): { code: string; text: string; syscall: string; cause: unknown } {
  const seen = error as { cause?: unknown; errors?: unknown[] } | null;
  const code = errnoOf(error);
  const inner = seen?.cause ?? seen?.errors?.[0];
  if (inner && (code === undefined || errnoOf(inner) !== undefined)) return innermost(inner);
  const text = error instanceof Error ? error.message : String(error);
  const { syscall = '' } = (error ?? {}) as NodeJS.ErrnoException;
  return { code: code ?? '', text, syscall, cause: error };
}

/** `80…:error:0A00010B:SSL routines:ssl3_get_record:wrong version number:../deps/…:350:` and a newline: the form of OpenSSL. */
const tlsReason = (text: string): string => excerpt(/:SSL routines:[^:]*:([^:]+)/.exec(text)?.[1] ?? text, 300);

const SUPPORTED_TLS = 'lm speaks TLS 1.3, and 1.2 with ECDHE and AES-GCM or ChaCha20-Poly1305';

function tlsHint(code: string, reason: string): string {
  if (code === PIN_MISMATCH)
    return 'compare it with what lm serve printed on that host: if it is the same, give it with --pin; if not, somebody stands between';
  if (code === 'DEPTH_ZERO_SELF_SIGNED_CERT')
    return 'give the fingerprint that lm serve printed there with --pin SHA256, or its certificate with --ca-cert';
  if (code === 'CERT_HAS_EXPIRED' || code === 'CERT_NOT_YET_VALID') return 'renew the certificate, or set the clocks';
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') return 'use a host name the certificate was issued for';
  if (/protocol version|unsupported protocol/.test(reason)) return `allow it there: ${SUPPORTED_TLS}`;
  if (/handshake failure/.test(reason))
    return `allow it there: ${SUPPORTED_TLS}; or it demands a client certificate (--client-cert and --client-key)`;
  if (/ALERT/.test(code)) return 'give a client certificate the source trusts with --client-cert and --client-key';
  if (/WRONG_VERSION|PACKET_LENGTH/.test(code) || code === 'EPROTO')
    return 'if the source serves plain HTTP, write http:// in the URL';
  return 'give the authority that signed the source’s certificate with --ca-cert';
}

/** An answer that is not a success. `message` is the source's own, if it has one. */
interface Refusal {
  status: number;
  /** Whether the request carried a token. */
  withToken?: boolean;
  retryAfter?: string | undefined;
  message?: string | undefined;
}

/** `what` names the request for people: `the listing`. `nowMs` is the wall clock, for a Retry-After that is a date. */
export function failureOfStatus(refusal: Refusal, what: string, where: string, nowMs: number): Failure {
  const { status } = refusal;
  const message = refusal.message ? `: ${printable(refusal.message).slice(0, 300)}` : '';
  const reason = `${what}: HTTP ${status}${message}`;
  if (status === 503 || status === 429) return { kind: 'busy', reason, ...retryAfter(refusal.retryAfter, nowMs) };
  if (status === 502 || status === 504) return { kind: 'transient', reason, status }; // a gateway cannot reach the source
  if (status === 408 || (status >= 500 && status !== 501)) return { kind: 'transient', reason, answered: true, status };
  if (status === 409) return { ...fatal('source-state', `${STATE} (${where}, ${reason})`, STATE_HINT), status };
  const [kind, meaning, hint] =
    (status === 401 && refusal.withToken && WRONG_TOKEN) ||
    STATUS[status] ||
    (status >= 300 && status < 400 ? REDIRECT : OTHER);
  return { ...fatal(kind, `${meaning} (${where}, ${reason})`, hint), status };
}

/** An agent answers with 409 for a lost root and, to a Sidecar, for names that no Sidecar can fetch. */
const STATE = 'the source cannot answer until an operator has fixed this there';
const STATE_HINT = `fix it on the source, then ${RUN_AGAIN}`;

/** What an answer means that is no success. */
type Meaning = [kind: ErrorKind, meaning: string, hint: string];

const WRONG_TOKEN: Meaning = [
  'access-denied',
  'the token is not the one of the source',
  'both hosts need the same token: compare the files that --token-file names here and there',
];
const REDIRECT: Meaning = [
  'not-an-agent',
  'the source redirects, which is never followed',
  'give the URL of the agent itself',
];
const OTHER: Meaning = [
  'protocol',
  'the source refused a request',
  'check that the URL is that of an lm agent or a Sidecar',
];

const STATUS: Record<number, Meaning | undefined> = {
  401: ['access-denied', 'the source wants a token', 'give the token of the source with --token-file FILE'],
  403: [
    'access-denied',
    'the source forbids this',
    'check the token or the client certificate, and what it is allowed to do',
  ],
  404: [
    'not-an-agent',
    'no agent answers there, or live migration is not enabled on that host',
    'check host and port in the URL; a Sidecar needs the host as a source in its migration map',
  ],
  421: [
    'access-denied',
    'the source does not know itself by this name',
    'use a name or address its own configuration has; lm serve takes further ones with --host',
  ],
};

/** Whether the error is about a missing or wrong token. */
export const isAboutToken = ({ message }: LmError): boolean =>
  [STATUS[401]!, WRONG_TOKEN].some(([, what]) => message.startsWith(what));

/** What interrupted a unit, as plain data: it crosses threads. */
export type WorkerFault =
  /** `answered`: some of the answer had come. */
  | { kind: 'network'; code: string; message: string; reused: boolean; answered?: boolean }
  | { kind: 'status'; status: number; retryAfter: string | undefined; message: string | undefined }
  /** The bytes that came are not those that were hashed at the source. */
  | { kind: 'damaged' };

/** Classifies a fault of a transfer worker. Damage is a failure of the network: the source hashed what it read, and something else arrived. */
export function failureOfFault(fault: WorkerFault, where: string): Failure {
  if (fault.kind === 'damaged') return { kind: 'transient', reason: DAMAGED, answered: true };
  if (fault.kind === 'status') return failureOfStatus(fault, 'files', where, Date.now());
  const failure = networkFailure(fault, where);
  return failure.kind === 'transient' ? { ...failure, answered: fault.answered === true } : failure;
}

function networkFailure(fault: WorkerFault & { kind: 'network' }, where: string): Failure {
  if (fault.code === STALLED)
    return failureOfError(new LmError('source-stalled', `${where}: ${fault.message}`, { hint: RUN_AGAIN }), where);
  const failure = failureOfError(Object.assign(new Error(fault.message), { code: fault.code }), where, fault.reused);
  const isSocketError =
    failure.kind === 'fatal' &&
    !(failure.error instanceof LmError) &&
    /^E[A-Z0-9_]+$/.test(fault.code) &&
    !fault.code.startsWith('ERR_');
  return isSocketError ? { kind: 'transient', reason: `${where}: ${fault.code}` } : failure;
}

/** Seconds or an HTTP date (RFC 9110, 10.2.3); anything else counts as not given. */
function retryAfter(text: string | undefined, nowMs: number): { retryAfterMs?: number } {
  if (text === undefined) return {};
  if (/^\d+$/.test(text)) return { retryAfterMs: Number(text) * 1000 };
  const date = Date.parse(text);
  return Number.isNaN(date) ? {} : { retryAfterMs: Math.max(0, date - nowMs) };
}

const fatal = (kind: ErrorKind, message: string, hint: string, cause?: unknown): Failure & { kind: 'fatal' } => ({
  kind: 'fatal',
  error: new LmError(kind, message, { hint, cause }),
});
