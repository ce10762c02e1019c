// What went wrong on the way to the source, told apart by what another try could change. Reads codes and statuses; never waits.

import { errnoOf, LmError, printable } from '../errors.js';
import type { LaneFault } from './lane-jobs.js';

export type Failure =
  /** A kept-alive connection had been closed while it was idle: the request was never read. */
  | { kind: 'idle-reset'; reason: string }
  /** 503 or 429: the source is there and says when to come back. */
  | { kind: 'busy'; reason: string; retryAfterMs?: number }
  /**
   * The network, or the source for the moment; `status` when there was an answer. `atLast` is what it amounts to if it stays,
   * `hint` what to look at then.
   */
  | { kind: 'transient'; reason: string; status?: number; cause?: unknown; atLast?: LmError; hint?: string }
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
      ? { kind: 'transient', reason: error.message, cause: error, atLast: error }
      : { kind: 'fatal', error };
  const { code, text } = innermost(error);
  if (reused && CLOSED_CODES.has(code)) return { kind: 'idle-reset', reason: 'idle connection closed' };
  if (TRANSIENT_CODES.has(code)) {
    const said = REASONS[code];
    return { kind: 'transient', reason: `${where}: ${said ? `${said} (${code})` : code}`, cause: error };
  }
  if (code.endsWith('BAD_RECORD_MAC')) return { kind: 'transient', reason: DAMAGED, cause: error };
  if (code === 'ENOTFOUND')
    return fatal(
      'source',
      `no such host: ${where}`,
      'check the name in the URL, and that this host can resolve it',
      error,
    );
  if (code === 'EPROTO' || TLS_CODES.test(code))
    return fatal('protocol', `no TLS session with ${where}: ${tlsReason(text)}`, tlsHint(code), error);
  if (code.startsWith('HPE_') || (error as Error | null)?.name === 'HTTPParserError')
    return fatal('protocol', `${where} does not answer in HTTP: ${text}`, IF_TLS, error);
  return { kind: 'fatal', error: error instanceof Error ? error : new Error(String(error)) };
}

/**
 * For requests before the first answer, when it is not known yet what listens there, and whether anything does. A server that
 * demands a client certificate lets TLS 1.3 end the handshake and hangs up, and one that speaks TLS hangs up on plain HTTP. So
 * does one that is being restarted, hence the tries.
 */
export function atFirstContact(failure: Failure, where: string, hasCertificate: boolean): Failure {
  if (failure.kind !== 'transient' || failure.cause === undefined) return failure;
  if (!CLOSED_CODES.has(innermost(failure.cause).code)) return { ...failure, hint: NOBODY_THERE };
  if (!where.startsWith('https:')) return { ...failure, hint: IF_TLS };
  const atLast = new LmError('protocol', `${where} hangs up after the TLS handshake`, {
    hint: hasCertificate
      ? 'it may not accept the client certificate: it must be valid, and signed by one the source trusts (--client-ca there)'
      : 'it may demand a client certificate: give one it trusts with --client-cert and --client-key',
    cause: failure.cause,
  });
  return { ...failure, atLast };
}

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

/** undici and `net` wrap the error that matters as a cause, or one per address tried in an AggregateError. */
function innermost(error: unknown): { code: string; text: string } {
  const seen = error as { cause?: unknown; errors?: unknown[] } | null;
  const code = errnoOf(error);
  const inner = seen?.cause ?? seen?.errors?.[0];
  if (inner && (code === undefined || errnoOf(inner) !== undefined)) return innermost(inner);
  return { code: code ?? '', text: error instanceof Error ? error.message : String(error) };
}

/** `80…:error:0A00010B:SSL routines:ssl3_get_record:wrong version number:../deps/…:350:` and a newline, as OpenSSL has it. */
const tlsReason = (text: string): string => /:SSL routines:[^:]*:([^:]+)/.exec(text)?.[1] ?? text;

function tlsHint(code: string): string {
  if (code === 'CERT_HAS_EXPIRED' || code === 'CERT_NOT_YET_VALID') return 'renew the certificate, or set the clocks';
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') return 'use a host name the certificate was issued for';
  if (/ALERT/.test(code)) return 'give a client certificate the source trusts with --client-cert and --client-key';
  if (/WRONG_VERSION|PACKET_LENGTH/.test(code) || code === 'EPROTO')
    return 'if the source serves plain HTTP, write http:// in the URL';
  return 'give the authority that signed the source’s certificate with --ca-cert';
}

/** An answer that is not a success. `message` is what the source said about it, if anything. */
export interface Refusal {
  status: number;
  retryAfter?: string | undefined;
  message?: string | undefined;
}

/** `asked` names the request as people know it: `the listing`. `nowMs` is the wall clock, for a Retry-After that is a date. */
export function failureOfStatus(refusal: Refusal, asked: string, where: string, nowMs: number): Failure {
  const { status } = refusal;
  const said = refusal.message ? `: ${printable(refusal.message).slice(0, 300)}` : '';
  const reason = `${asked}: HTTP ${status}${said}`;
  if (status === 503 || status === 429) return { kind: 'busy', reason, ...retryAfter(refusal.retryAfter, nowMs) };
  if (status === 408 || (status >= 500 && status !== 501)) return { kind: 'transient', reason, status };
  const [what, hint] = STATUS[status] ?? (status >= 300 && status < 400 ? REDIRECT : OTHER);
  return { ...fatal('protocol', `${what} (${where}, ${reason})`, hint), status };
}

const REDIRECT: [string, string] = [
  'the source redirects, which is never followed',
  'give the URL of the agent itself',
];
const OTHER: [string, string] = [
  'the source refused a request',
  'check that the URL is that of an lm agent or a Sidecar',
];

const STATUS: Record<number, [what: string, hint: string] | undefined> = {
  401: ['the source wants a token', 'give the source’s token with --token-file'],
  403: ['the source forbids this', 'check the token or the client certificate, and what it is allowed to do'],
  404: [
    'no agent answers there, or live migration is not enabled on that host',
    'check host and port in the URL; a Sidecar needs the host as a source in its migration map',
  ],
  421: ['the source does not know itself by this name', 'use the name or address its own configuration has'],
};

/** What a lane met. Damage is the network's: the source hashed what it read, and something else arrived. */
export function failureOfFault(fault: LaneFault, where: string): Failure {
  if (fault.kind === 'damaged') return { kind: 'transient', reason: DAMAGED };
  if (fault.kind === 'status') return failureOfStatus(fault, 'files', where, Date.now());
  return failureOfError(Object.assign(new Error(fault.message), { code: fault.code }), where, fault.reused);
}

/** Seconds or an HTTP date (RFC 9110, 10.2.3); anything else counts as not given. */
function retryAfter(text: string | undefined, nowMs: number): { retryAfterMs?: number } {
  if (text === undefined) return {};
  if (/^\d+$/.test(text)) return { retryAfterMs: Number(text) * 1000 };
  const date = Date.parse(text);
  return Number.isNaN(date) ? {} : { retryAfterMs: Math.max(0, date - nowMs) };
}

const fatal = (
  code: 'source' | 'protocol',
  message: string,
  hint: string,
  cause?: unknown,
): Failure & { kind: 'fatal' } => ({
  kind: 'fatal',
  error: new LmError(code, message, { hint, cause }),
});
