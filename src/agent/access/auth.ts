// Authorizes requests to the agent: by bearer token and client certificate, and never those of a web page.

import { createHash, timingSafeEqual, X509Certificate } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { createSecureContext, type TlsOptions } from 'node:tls';
import { LmError, printable } from '../../errors.js';
import type { Permission } from '../../permissions.js';
import { permissionFor } from '../../wire/routes.js';
import { TLS_PROTOCOL } from '../../wire/tls.js';
import { errorReply, type Reply } from '../reply.js';
import { grantsOf, type NameGrant } from './client-name.js';
import { isOwnName, type OwnNames } from './own-names.js';

/** What a request is authorized by. */
export interface RequestHead {
  /** GET for a HEAD request. */
  method: string;
  /** As in the request line. */
  target: string;
  headers: IncomingHttpHeaders;
  /** The certificate that the client has shown, if the server demanded one. */
  clientCertificate(): X509Certificate | undefined;
}

/** The reply that refuses the request; undefined where it is authorized. */
export type Authorize = (request: RequestHead) => Reply | undefined;

/** What a request must show; undefined is not checked. */
interface AccessRules {
  /** The tokens of which a request must have one, each with what it allows. */
  tokens?: readonly TokenGrant[] | undefined;
  /** The names that a request may be for, in its Host header. */
  names?: OwnNames | undefined;
  /** The names of which a client certificate must have one, each with what it allows; the server has to demand certificates. */
  clients?: readonly NameGrant[] | undefined;
  /** The status for another name than `names`; 421 where it is missing. */
  misdirectedStatus?: (target: string) => number;
}

export interface TokenGrant {
  token: string;
  permissions: readonly Permission[];
}

/**
 * With tokens every request needs one. A request that a browser sends for a web page has an Origin, or a Sec-Fetch-Site that says the user
 * did not type it. It is refused even with the token, so that no page can use an agent through the browser of a user who can reach it. A
 * page whose name was made to lead here (DNS rebinding) sends neither: with `names`, requests for other names are refused as well.
 */
export function createAuthorize({ tokens, names, clients, misdirectedStatus }: AccessRules): Authorize {
  const expected = tokens?.map(({ token, permissions }) => ({ hash: hash(`Bearer ${token}`), permissions }));
  return ({ method, target, headers, clientCertificate }) => {
    const { origin, host, 'sec-fetch-site': site = 'none' } = headers;
    if (origin !== undefined || site !== 'none') return errorReply(403, 'requests from web pages are refused');
    if (names && host !== undefined && !isOwnName(host, names))
      return misdirected(host, misdirectedStatus?.(target) ?? 421);
    const named = clients && grantsOf(clientCertificate(), clients);
    if (named && 'status' in named) return named;
    const sent = hash(headers.authorization ?? '');
    const shown = expected?.filter((one) => timingSafeEqual(sent, one.hash));
    if (shown?.length === 0) return noToken(headers.authorization);
    const permission = permissionFor(method, target);
    if (permission === null) return undefined;
    if (shown && !allows(shown, permission)) return notAllowed(permission, 'token');
    if (named && !allows(named, permission)) return notAllowed(permission, 'client certificate');
    return undefined;
  };
}

const allows = (grants: readonly { permissions: readonly Permission[] }[], permission: Permission): boolean =>
  grants.some(({ permissions }) => permissions.includes(permission));

const notAllowed = (permission: Permission, what: string): Reply =>
  errorReply(403, `this takes the permission '${permission}', which the ${what} does not have`);

function noToken(authorization: string | undefined): Reply {
  const wrong = authorization === undefined ? 'a bearer token is required' : 'this is not the token of the agent';
  return errorReply(401, wrong, { 'www-authenticate': 'Bearer realm="lm"' });
}

/** A Sidecar too has 421 for a name that is not its own. */
const misdirected = (host: string, status: number): Reply =>
  errorReply(
    status,
    `this agent does not know itself as ${printable(host).slice(0, 100)}: if it is, start it with --host NAME`,
  );

/** A comparison in constant time needs two values of one length. */
const hash = (text: string): Buffer => createHash('sha256').update(text).digest();

/** The contents of PEM files. */
interface ServerTls {
  cert: string;
  key: string;
  /** Authorities: every client has to show a certificate signed by one of them. */
  clientCa: string | undefined;
}

/** Throws `usage` where these files cannot be used together. */
export function tlsOptions({ cert, key, clientCa }: ServerTls): TlsOptions {
  const options: TlsOptions = {
    ...TLS_PROTOCOL,
    honorCipherOrder: true,
    cert,
    key,
    ...(clientCa !== undefined && { ca: clientCa, requestCert: true, rejectUnauthorized: true }),
  };
  try {
    if (clientCa !== undefined) new X509Certificate(clientCa); // a secure context accepts a file without any certificate
    createSecureContext(options);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new LmError('certificate', `--tls-cert, --tls-key or --client-ca cannot be used: ${why}`, { cause });
  }
  return options;
}
