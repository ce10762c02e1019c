// What went wrong on the way to the source, told apart by what another try could change. Reads codes and statuses; never waits.

import { errnoOf, excerpt, LmError, printable, systemFailure } from '../errors.js';
import { STALLED } from './patience.js';
import { PIN_MISMATCH } from './pin.js';

export type Failure =
  /** A kept-alive connection had been closed while it was idle: the request was never read. */
  | { kind: 'idle-reset'; reason: string }
  /** 503 or 429: the source is there and says when to come back. */
  | { kind: 'busy'; reason: string; retryAfterMs?: number }
  /**
   * The network, or the source for the moment. `answered`: the source is there, and has answered with something else than what was asked
   * for, or with less of it; `status`, with an error. `atLast` is what it amounts to if it stays, `hint` what to look at then. `mayBeTls`:
   * it hung up on plain HTTP, as a server that speaks TLS does.
   */
  | {
      kind: 'transient';
      reason: string;
      answered?: boolean;
      status?: number;
      cause?: unknown;
      atLast?: LmError;
      hint?: string;
      mayBeTls?: true;
    }
  /** Another try would end the same way; `status` when there was an answer. */
  | { kind: 'fatal'; error: Error; status?: number };

const TRANSIENT_CODES = new Set([
  ...['ECONNREFUSED', 'ECONNRESET', 'ECONNABORTED', 'ETIMEDOUT', 'EPIPE'],
  ...['EHOSTUNREACH', 'EHOSTDOWN', 'ENETUNREACH', 'ENETDOWN', 'EADDRNOTAVAIL', 'EAI_AGAIN'],
  ...['UND_ERR_CONNECT_TIMEOUT', 'UND_ERR_HEADERS_TIMEOUT', 'UND_ERR_BODY_TIMEOUT', 'UND_ERR_SOCKET', 'UND_ERR_CLOSED'],
  ...['UND_ERR_RES_CONTENT_LENGTH_MISMATCH', 'UND_ERR_REQ_RETRY'],
]);

/** Ways in which the other end of an idle connection is found gone. */
const CLOSED_CODES = new Set(['ECONNRESET', 'EPIPE', 'UND_ERR_SOCKET']);

const TLS_CODES = /^(ERR_SSL_|ERR_TLS_|CERT_|CRL_|DEPTH_ZERO_|SELF_SIGNED_|UNABLE_TO_|INVALID_CA|HOSTNAME_MISMATCH)/;

/**
 * A thrown error. `where` is the source's origin. `reused` says that the request went out on a kept-alive connection and
 * not one byte of an answer came back.
 */
export function failureOfError(error: unknown, where: string, reused = false): Failure {
  if (error instanceof LmError)
    return error.code === 'source'
      ? { kind: 'transient', reason: error.message, answered: true, cause: error, atLast: error }
      : { kind: 'fatal', error };
  const { code, text, syscall, cause } = innermost(error);
  if (reused && CLOSED_CODES.has(code)) return { kind: 'idle-reset', reason: 'idle connection closed' };
  if (TRANSIENT_CODES.has(code)) {
    const said = REASONS[code];
    return { kind: 'transient', reason: `${where}: ${said ? `${said} (${code})` : code}`, cause: error };
  }
  if (code.endsWith('BAD_RECORD_MAC')) return { kind: 'transient', reason: DAMAGED, answered: true, cause: error };
  if (isNameless(code, syscall)) return { kind: 'transient', reason: noSuchHost(where), cause: error };
  if (code === 'EPROTO' || TLS_CODES.test(code))
    return fatal('protocol', `no TLS session with ${where}: ${tlsReason(text)}`, tlsHint(code, tlsReason(text)), error);
  if (code.startsWith('HPE_') || (error as Error | null)?.name === 'HTTPParserError')
    return fatal('protocol', `${where} does not answer in HTTP: ${text}`, IF_TLS, error);
  if (code === 'UND_ERR_HEADERS_OVERFLOW')
    return fatal('protocol', `${where} sent more than 16 KiB of header fields`, NO_PROXY, error);
  if (OF_THE_ANSWER.has(code))
    return fatal('protocol', `${where} does not answer in HTTP/1.1: ${code}`, NO_PROXY, error);
  if (ON_THE_WAY.has(syscall) && !systemFailure(cause))
    return { kind: 'transient', reason: `${where}: ${syscall} ${code}`, cause: error };
  return { kind: 'fatal', error: error instanceof Error ? error : new Error(String(error)) };
}

/**
 * For requests before the first answer, when it is not known yet what listens there, and whether anything does: a name that nobody
 * knows is a slip then, and no trouble of the network. A server that
 * demands a client certificate lets TLS 1.3 end the handshake and hangs up, and one that speaks TLS hangs up on plain HTTP. So
 * does one that is being restarted, hence the tries.
 */
export function atFirstContact(failure: Failure, where: string, hasCertificate: boolean): Failure {
  if (failure.kind !== 'transient' || failure.cause === undefined) return failure;
  const { code, syscall } = innermost(failure.cause);
  if (isNameless(code, syscall))
    return fatal(
      'usage',
      noSuchHost(where),
      'check the name in the URL, and that this host can resolve it',
      failure.cause,
    );
  if (failure.atLast)
    return { ...failure, atLast: new LmError('source', failure.reason, { hint: NOBODY_THERE, cause: failure.cause }) };
  if (!CLOSED_CODES.has(code)) return { ...failure, hint: NOBODY_THERE };
  if (!where.startsWith('https:')) return { ...failure, hint: IF_TLS, mayBeTls: true };
  const atLast = new LmError('protocol', `${where} hangs up after the TLS handshake`, {
    hint: hasCertificate
      ? 'it may not accept the client certificate: it must be valid, and signed by one the source trusts (--client-ca there)'
      : 'it may demand a client certificate: give one it trusts with --client-cert and --client-key',
    cause: failure.cause,
  });
  return { ...failure, atLast };
}

/** What undici says, or is surprised by, when an answer goes against its own head. */
const OF_THE_ANSWER = new Set(['UND_ERR_RES_EXCEEDED_MAX_SIZE', 'UND_ERR_RESPONSE', 'UND_ERR_INFO', 'ERR_ASSERTION']);

/** For an answer that no agent and no Sidecar gives. */
export const NO_PROXY = 'is that address an lm agent or a Sidecar, with no proxy between?';

const AGAIN = { hint: 'run the same command again; what was copied is kept' };
const DAMAGED = 'bytes were damaged on the way';
const NOBODY_THERE = 'is lm serve running there, on this port, and does it listen beyond loopback (--listen)?';
const IF_TLS = 'if the source serves TLS, write https:// in the URL';

const REASONS: Record<string, string | undefined> = {
  ECONNREFUSED: 'connection refused',
  ECONNRESET: 'connection reset',
  EPIPE: 'connection closed',
  ETIMEDOUT: 'connection timed out',
  EHOSTUNREACH: 'no route to host',
  ENETUNREACH: 'network unreachable',
  EAI_AGAIN: 'name lookup failed for now',
  UND_ERR_CONNECT_TIMEOUT: 'connection timed out',
  UND_ERR_HEADERS_TIMEOUT: 'no answer in time',
  UND_ERR_BODY_TIMEOUT: 'the answer stopped coming',
  UND_ERR_SOCKET: 'connection closed',
};

/** Calls on a socket, which fail in more ways than anybody can list: a firewall of this host's, an address of no use. */
const ON_THE_WAY = new Set(['connect', 'read', 'write']);

/** What a resolver says of a name for good: EAI_AGAIN is for now. */
const isNameless = (code: string, syscall: string): boolean =>
  code === 'ENOTFOUND' || (syscall === 'getaddrinfo' && !TRANSIENT_CODES.has(code));

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

/** `80…:error:0A00010B:SSL routines:ssl3_get_record:wrong version number:../deps/…:350:` and a newline, as OpenSSL has it. */
const tlsReason = (text: string): string => excerpt(/:SSL routines:[^:]*:([^:]+)/.exec(text)?.[1] ?? text, 300);

const SPOKEN = 'lm speaks TLS 1.3, and 1.2 with ECDHE and AES-GCM or ChaCha20-Poly1305';

function tlsHint(code: string, reason: string): string {
  if (code === PIN_MISMATCH)
    return 'compare it with what lm serve printed on that host: if it is the same, give it with --pin; if not, somebody stands between';
  if (code === 'DEPTH_ZERO_SELF_SIGNED_CERT')
    return 'give the fingerprint that lm serve printed there with --pin SHA256, or its certificate with --ca-cert';
  if (code === 'CERT_HAS_EXPIRED' || code === 'CERT_NOT_YET_VALID') return 'renew the certificate, or set the clocks';
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') return 'use a host name the certificate was issued for';
  if (/protocol version|unsupported protocol/.test(reason)) return `allow it there: ${SPOKEN}`;
  if (/handshake failure/.test(reason))
    return `allow it there: ${SPOKEN}; or it demands a client certificate (--client-cert and --client-key)`;
  if (/ALERT/.test(code)) return 'give a client certificate the source trusts with --client-cert and --client-key';
  if (/WRONG_VERSION|PACKET_LENGTH/.test(code) || code === 'EPROTO')
    return 'if the source serves plain HTTP, write http:// in the URL';
  return 'give the authority that signed the source’s certificate with --ca-cert';
}

/** An answer that is not a success. `message` is what the source said about it, if anything. */
export interface Refusal {
  status: number;
  /** Whether the request carried a token. */
  withToken?: boolean;
  retryAfter?: string | undefined;
  message?: string | undefined;
}

/** `asked` names the request as people know it: `the listing`. `nowMs` is the wall clock, for a Retry-After that is a date. */
export function failureOfStatus(refusal: Refusal, asked: string, where: string, nowMs: number): Failure {
  const { status } = refusal;
  const said = refusal.message ? `: ${printable(refusal.message).slice(0, 300)}` : '';
  const reason = `${asked}: HTTP ${status}${said}`;
  if (status === 503 || status === 429) return { kind: 'busy', reason, ...retryAfter(refusal.retryAfter, nowMs) };
  if (status === 502 || status === 504) return { kind: 'transient', reason, status }; // a gateway has lost it
  if (status === 408 || (status >= 500 && status !== 501)) return { kind: 'transient', reason, answered: true, status };
  if (status === 409) return { ...fatal('source', `${STATE} (${where}, ${reason})`, STATE_HINT), status };
  const [what, hint] =
    (status === 401 && refusal.withToken && WRONG_TOKEN) ||
    STATUS[status] ||
    (status >= 300 && status < 400 ? REDIRECT : OTHER);
  return { ...fatal('protocol', `${what} (${where}, ${reason})`, hint), status };
}

/** An agent answers so for a root that was lost and, as a Sidecar's source, for names that no Sidecar can fetch. */
const STATE = 'the source cannot answer until somebody sees to it there';
const STATE_HINT = 'see to it on the source, then run the same command again; what was copied is kept';

const WRONG_TOKEN: [string, string] = [
  'the token is not the one of the source',
  'both hosts need the same token: compare the files that --token-file names here and there',
];
const REDIRECT: [string, string] = [
  'the source redirects, which is never followed',
  'give the URL of the agent itself',
];
const OTHER: [string, string] = [
  'the source refused a request',
  'check that the URL is that of an lm agent or a Sidecar',
];

const STATUS: Record<number, [what: string, hint: string] | undefined> = {
  401: ['the source wants a token', 'give the token of the source with --token-file FILE'],
  403: ['the source forbids this', 'check the token or the client certificate, and what it is allowed to do'],
  404: [
    'no agent answers there, or live migration is not enabled on that host',
    'check host and port in the URL; a Sidecar needs the host as a source in its migration map',
  ],
  421: [
    'the source does not know itself by this name',
    'use a name or address its own configuration has; lm serve takes further ones with --host',
  ],
};

/** Whether a token was missing, or another one is wanted. */
export const isAboutToken = ({ message }: LmError): boolean =>
  [STATUS[401]!, WRONG_TOKEN].some(([what]) => message.startsWith(what));

/** What cut a unit short, as plain data: it crosses threads. */
export type LaneFault =
  /** `answered`: an answer had begun to come. */
  | { kind: 'network'; code: string; message: string; reused: boolean; answered?: boolean }
  | { kind: 'status'; status: number; retryAfter: string | undefined; message: string | undefined }
  /** The bytes that came are not those that were hashed at the source. */
  | { kind: 'damaged' };

/** What a lane met. Damage is the network's: the source hashed what it read, and something else arrived. */
export function failureOfFault(fault: LaneFault, where: string): Failure {
  if (fault.kind === 'damaged') return { kind: 'transient', reason: DAMAGED, answered: true };
  if (fault.kind === 'status') return failureOfStatus(fault, 'files', where, Date.now());
  const failure = networkFailure(fault, where);
  return failure.kind === 'transient' ? { ...failure, answered: fault.answered === true } : failure;
}

function networkFailure(fault: LaneFault & { kind: 'network' }, where: string): Failure {
  if (fault.code === STALLED) return failureOfError(new LmError('source', `${where}: ${fault.message}`, AGAIN), where);
  const failure = failureOfError(Object.assign(new Error(fault.message), { code: fault.code }), where, fault.reused);
  const isOfASocket =
    failure.kind === 'fatal' &&
    !(failure.error instanceof LmError) &&
    /^E[A-Z0-9_]+$/.test(fault.code) &&
    !fault.code.startsWith('ERR_');
  return isOfASocket ? { kind: 'transient', reason: `${where}: ${fault.code}` } : failure;
}

/** Seconds or an HTTP date (RFC 9110, 10.2.3); anything else counts as not given. */
function retryAfter(text: string | undefined, nowMs: number): { retryAfterMs?: number } {
  if (text === undefined) return {};
  if (/^\d+$/.test(text)) return { retryAfterMs: Number(text) * 1000 };
  const date = Date.parse(text);
  return Number.isNaN(date) ? {} : { retryAfterMs: Math.max(0, date - nowMs) };
}

const fatal = (
  code: 'usage' | 'source' | 'protocol',
  message: string,
  hint: string,
  cause?: unknown,
): Failure & { kind: 'fatal' } => ({
  kind: 'fatal',
  error: new LmError(code, message, { hint, cause }),
});
