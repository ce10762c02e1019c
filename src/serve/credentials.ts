// What an agent proves itself with, and what its clients have to show: read from their files at the start, and again by the same rules
// whenever it is told to. What cannot be used leaves what was in use.

import { X509Certificate } from 'node:crypto';
import { join } from 'node:path';
import { createSecureContext, type TlsOptions } from 'node:tls';
import { tlsOptions } from '../agent/access/auth.js';
import { selfSigned } from '../agent/access/self-signed.js';
import { LmError, printable } from '../errors.js';
import { namesOfThisHost } from '../settings/migration-map.js';
import type { ServeSettings } from '../settings/settings.js';
import { readAuthorities, readCertificates, readSecret, readToken } from '../settings/values/secret.js';
import { keptTokenFile } from '../state/agent-token.js';
import { createFileAtomically, readFileIfAny } from '../state/atomic-file.js';

export interface Credentials {
  token: string | undefined;
  /** Where the token is that was made for this agent. */
  made: string | undefined;
  /** Undefined for plain HTTP. */
  tls: TlsOptions | undefined;
}

/** A part of what an agent goes by, after it was read again. */
export interface Reloaded {
  part: string;
  isNew: boolean;
  /** Of a certificate, its SHA-256. */
  fingerprint?: string | undefined;
}

/** `directory` makes the agent's records: not before the files that the settings name have been read. Throws `usage` and `local`. */
export function readCredentials(settings: ServeSettings, directory: () => string): Credentials {
  const { tokenFile, tlsAuto, clientCa, insecure } = settings;
  const given = tokenFile === undefined ? undefined : readToken(tokenFile);
  const stated = tlsAuto ? undefined : statedTls(settings);
  const dir = directory();
  const made = given === undefined && clientCa === undefined && !insecure ? keptTokenFile(dir) : undefined;
  return { token: given ?? (made && readToken(made)), made, tls: tlsAuto ? ownTls(dir, settings) : stated };
}

function statedTls({ tlsCert, tlsKey, clientCa }: ServeSettings): TlsOptions | undefined {
  if (tlsCert === undefined || tlsKey === undefined) return undefined;
  return tlsOptions({
    cert: readCertificates(tlsCert),
    key: readSecret(tlsKey),
    clientCa: clientCa && readAuthorities(clientCa),
  });
}

/** Made on first use and kept, so that a client that knows its fingerprint goes on when the agent has been started again. */
function ownTls(dir: string, { clientCa, hostName }: ServeSettings): TlsOptions {
  const path = join(dir, 'tls.pem');
  const names = ['localhost', '127.0.0.1', '::1', ...namesOfThisHost(), ...(hostName === undefined ? [] : [hostName])];
  if (readFileIfAny(path) === undefined) createFileAtomically(path, selfSigned(names, Date.now()));
  const pem = readSecret(path);
  try {
    createSecureContext({ cert: pem, key: pem });
  } catch (cause) {
    throw new LmError('local', `${printable(path)} is damaged: it does not hold a certificate and its key`, {
      cause,
      hint: 'remove that file: another certificate is made, with another fingerprint for --pin',
    });
  }
  return tlsOptions({ cert: pem, key: pem, clientCa: clientCa && readAuthorities(clientCa) });
}

/** The SHA-256 of the agent's certificate. */
export const fingerprintOf = ({ tls }: Credentials): string | undefined =>
  tls && new X509Certificate(tls.cert as string).fingerprint256;

/** Each part that is in use, and whether it is another one now. */
export function compareCredentials(before: Credentials, after: Credentials): Reloaded[] {
  const parts = [
    { part: 'token', was: before.token, is: after.token },
    { part: 'certificate', was: before.tls?.cert, is: after.tls?.cert, fingerprint: fingerprintOf(after) },
    { part: 'key', was: before.tls?.key, is: after.tls?.key },
    { part: 'client authorities', was: before.tls?.ca, is: after.tls?.ca },
  ];
  return parts.filter(({ was }) => was !== undefined).map(({ was, is, ...part }) => ({ ...part, isNew: was !== is }));
}
