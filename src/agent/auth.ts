// Who may talk to the agent: a bearer token, client certificates, no web pages. Reads no file.

import { createHash, timingSafeEqual, X509Certificate } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { createSecureContext, DEFAULT_CIPHERS, type TlsOptions } from 'node:tls';
import { LmError } from '../errors.js';
import { errorReply, type Reply } from './reply.js';

/** Undefined where the request may pass. */
export type Authorize = (headers: IncomingHttpHeaders) => Reply | undefined;

/**
 * With a token every request needs it. A request that a browser sent for a web page carries an Origin and is refused whatever it
 * knows, so that no page can drive an agent through the browser of somebody who can reach it.
 */
export function createAuthorize(token: string | undefined): Authorize {
  const expected = token === undefined ? undefined : hash(`Bearer ${token}`);
  return (headers) => {
    if (headers.origin !== undefined) return errorReply(403, 'requests from web pages are refused');
    if (expected === undefined || timingSafeEqual(hash(headers.authorization ?? ''), expected)) return undefined;
    return errorReply(401, 'a bearer token is required', { 'www-authenticate': 'Bearer realm="lm"' });
  };
}

/** Equally long for every guess, as a comparison in constant time needs it. */
const hash = (text: string): Buffer => createHash('sha256').update(text).digest();

/** The content of PEM files. */
export interface ServerTls {
  cert: string;
  key: string;
  /** With it every client has to show a certificate signed by one of these. */
  clientCa: string | undefined;
}

/** First the suite that whoever speaks TLS 1.3 speaks (RFC 8446, 9.1): with AES-256 a copy of big files takes a tenth longer. */
const CIPHERS = `TLS_AES_128_GCM_SHA256:${DEFAULT_CIPHERS}`;

/** Throws `usage` where the parts do not belong together. */
export function tlsOptions({ cert, key, clientCa }: ServerTls): TlsOptions {
  const options: TlsOptions = {
    ciphers: CIPHERS,
    honorCipherOrder: true,
    cert,
    key,
    minVersion: 'TLSv1.2',
    ...(clientCa !== undefined && { ca: clientCa, requestCert: true, rejectUnauthorized: true }),
  };
  try {
    if (clientCa !== undefined) new X509Certificate(clientCa); // a context passes over a file without any
    createSecureContext(options);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new LmError('usage', `--tls-cert, --tls-key or --client-ca cannot be used: ${why}`, { cause });
  }
  return options;
}
