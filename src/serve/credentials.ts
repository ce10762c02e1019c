// Reads an agent's credentials: its certificate and key, and the token or client authorities that its clients are checked by. The same
// rules hold at the start and on a reload.

import { X509Certificate } from 'node:crypto';
import { join } from 'node:path';
import { createSecureContext, type TlsOptions } from 'node:tls';
import { type TokenGrant, tlsOptions } from '../agent/access/auth.js';
import { selfSigned } from '../agent/access/self-signed.js';
import { LmError, printable } from '../errors.js';
import { namesOfThisHost } from '../settings/migration-map.js';
import type { ServeSettings } from '../settings/settings.js';
import { readAuthorities, readCertificates, readSecret, readToken } from '../settings/values/secret.js';
import { ensureTokenFile } from '../state/agent-token.js';
import { createFileAtomically, readFileIfThere } from '../state/atomic-file.js';

export interface Credentials {
  token: string | undefined;
  /** Those that allow less. */
  tokensFor: TokenGrant[];
  /** The file of the token that was made for this agent; undefined where the operator gave one, or none is needed. */
  ownTokenFile: string | undefined;
  /** Undefined for plain HTTP. */
  tls: TlsOptions | undefined;
}

/** One of an agent's credentials, its access log or its limit, after it was read again. */
export interface Reloaded {
  part: string;
  isNew: boolean;
  /** SHA-256 of a certificate. */
  fingerprint?: string | undefined;
  /** What it is, for people. */
  text?: string;
}

/** `directory` creates the agent's record directory; it is called after the files that the settings name have been read. Throws `usage` and `local`. */
export function readCredentials(settings: ServeSettings, directory: () => string): Credentials {
  const { tlsAuto, clientCa, insecure } = settings;
  const { token, tokensFor, tls } = statedCredentials(settings);
  const isAsked = tokensFor.length > 0 || clientCa !== undefined || insecure;
  const dir = directory();
  const ownTokenFile = token === undefined && !isAsked ? ensureTokenFile(dir) : undefined;
  return {
    token: token ?? (ownTokenFile && readToken(ownTokenFile)),
    tokensFor,
    ownTokenFile,
    tls: tlsAuto ? ownTls(dir, settings) : tls,
  };
}

/** Reads what the settings name, and makes nothing. Throws `usage`. */
export function statedCredentials(settings: ServeSettings): Pick<Credentials, 'token' | 'tokensFor' | 'tls'> {
  const { tokenFile, tlsAuto } = settings;
  const tokensFor = settings.tokensFor.map(({ permissions, of }) => ({ permissions, token: readToken(of) }));
  const token = tokenFile === undefined ? undefined : readToken(tokenFile);
  return { token, tokensFor, tls: tlsAuto ? undefined : statedTls(settings) };
}

function statedTls({ tlsCert, tlsKey, clientCa }: ServeSettings): TlsOptions | undefined {
  if (tlsCert === undefined || tlsKey === undefined) return undefined;
  return tlsOptions({
    cert: readCertificates(tlsCert),
    key: readSecret(tlsKey),
    clientCa: clientCa && readAuthorities(clientCa),
  });
}

/** Undefined where there are none. */
const tokensIn = ({ tokensFor }: Credentials): string | undefined =>
  tokensFor.length === 0 ? undefined : tokensFor.map(({ token }) => token).join(' ');

/** The certificate is made on first use and kept, so that its fingerprint stays the same when the agent is started again. */
function ownTls(dir: string, { clientCa, hostName }: ServeSettings): TlsOptions {
  const path = join(dir, 'tls.pem');
  const names = ['localhost', '127.0.0.1', '::1', ...namesOfThisHost(), ...(hostName === undefined ? [] : [hostName])];
  if (readFileIfThere(path) === undefined) createFileAtomically(path, selfSigned(names, Date.now()));
  const pem = readSecret(path);
  try {
    createSecureContext({ cert: pem, key: pem });
  } catch (cause) {
    throw new LmError('damaged-record', `${printable(path)} is damaged: it does not hold a certificate and its key`, {
      cause,
      hint: 'remove that file: another certificate is made, with another fingerprint for --pin',
    });
  }
  return tlsOptions({ cert: pem, key: pem, clientCa: clientCa && readAuthorities(clientCa) });
}

/** The SHA-256 of the agent's certificate; undefined without TLS. */
export const fingerprintOf = ({ tls }: Credentials): string | undefined =>
  tls && new X509Certificate(tls.cert as string).fingerprint256;

/** Each credential that was in use `before`, and whether it has changed. */
export function compareCredentials(before: Credentials, after: Credentials): Reloaded[] {
  const parts = [
    { part: 'token', was: before.token, is: after.token },
    { part: 'further tokens', was: tokensIn(before), is: tokensIn(after) },
    { part: 'certificate', was: before.tls?.cert, is: after.tls?.cert, fingerprint: fingerprintOf(after) },
    { part: 'key', was: before.tls?.key, is: after.tls?.key },
    { part: 'client authorities', was: before.tls?.ca, is: after.tls?.ca },
  ];
  return parts.filter(({ was }) => was !== undefined).map(({ was, is, ...part }) => ({ ...part, isNew: was !== is }));
}
