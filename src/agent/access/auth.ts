// Who may talk to the agent: a bearer token, client certificates, no web pages. Reads no secret from a file.

import { createHash, timingSafeEqual, X509Certificate } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { createSecureContext, type TlsOptions } from 'node:tls';
import { LmError, printable } from '../../errors.js';
import { TLS_PROTOCOL } from '../../wire/tls.js';
import { errorReply, type Reply } from '../reply.js';
import { clientNameRefusal } from './client-name.js';
import { isOwnName, type OwnNames } from './own-names.js';

/** What is known of a request before anything is done for it. */
export interface Asker {
  headers: IncomingHttpHeaders;
  /** That it has shown, if it was asked for one. */
  clientCertificate(): X509Certificate | undefined;
}

/** Undefined where the request may pass. */
export type Authorize = (asker: Asker) => Reply | undefined;

/** Each for itself; what is undefined is not asked for. */
export interface Admission {
  token?: string | undefined;
  /** That a request may be for. */
  names?: OwnNames | undefined;
  /** Of which a client certificate must have one; the server has to demand certificates. */
  clientNames?: readonly string[] | undefined;
}

/**
 * With a token every request needs it. A request that a browser sent for a web page carries an Origin, or says that it was not typed by
 * its user, and is refused whatever it knows, so that no page can drive an agent through the browser of somebody who can reach it. One
 * whose name was made to lead here would send neither: with `names`, requests for other names are refused as well.
 */
export function createAuthorize({ token, names, clientNames }: Admission): Authorize {
  const expected = token === undefined ? undefined : hash(`Bearer ${token}`);
  return ({ headers, clientCertificate }) => {
    const { origin, host, 'sec-fetch-site': site = 'none' } = headers;
    if (origin !== undefined || site !== 'none') return errorReply(403, 'requests from web pages are refused');
    if (names && host !== undefined && !isOwnName(host, names)) return misdirected(host);
    const misnamed = clientNames && clientNameRefusal(clientCertificate(), clientNames);
    if (misnamed) return misnamed;
    if (expected === undefined || timingSafeEqual(hash(headers.authorization ?? ''), expected)) return undefined;
    const wrong =
      headers.authorization === undefined ? 'a bearer token is required' : 'this is not the token of the agent';
    return errorReply(401, wrong, { 'www-authenticate': 'Bearer realm="lm"' });
  };
}

/** The Sidecar's status for a name it does not have. */
const misdirected = (host: string): Reply =>
  errorReply(
    421,
    `this agent does not know itself as ${printable(host).slice(0, 100)}: if it is, start it with --host NAME`,
  );

/** Equally long for every guess, as a comparison in constant time needs it. */
const hash = (text: string): Buffer => createHash('sha256').update(text).digest();

/** The content of PEM files. */
export interface ServerTls {
  cert: string;
  key: string;
  /** With it every client has to show a certificate signed by one of these. */
  clientCa: string | undefined;
}

/** Throws `usage` where the parts do not belong together. */
export function tlsOptions({ cert, key, clientCa }: ServerTls): TlsOptions {
  const options: TlsOptions = {
    ...TLS_PROTOCOL,
    honorCipherOrder: true,
    cert,
    key,
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
