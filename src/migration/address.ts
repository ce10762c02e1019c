// Resolves the address of the source: its URL, with all secrets read and checked. Does not connect.

import { X509Certificate } from 'node:crypto';
import { createSecureContext } from 'node:tls';
import { LmError } from '../errors.js';
import type { FromSource } from '../settings/settings.js';
import { readAuthorities, readCertificates, readSecret, readToken } from '../settings/values/secret.js';
import type { SourceAddress } from '../source/http-client.js';
import { type RetryPolicy, retryPolicy } from '../source/retry.js';
import { findLocalAgent, tokenHint } from './local-agent.js';

interface ResolvedAddress extends SourceAddress {
  /** How long the source is waited for once it is lost. */
  policy: RetryPolicy;
}

/** The address that undici and the workers are given. If no token is stated, that of an agent on this host is used. */
export async function addressOf({
  url,
  tokenFile,
  tls,
  retryForMs,
}: Pick<FromSource, 'url' | 'tokenFile' | 'tls'> & Partial<Pick<FromSource, 'retryForMs'>>): Promise<ResolvedAddress> {
  const here = tokenFile === undefined ? await findLocalAgent(url) : undefined;
  const address = {
    url: (here?.url ?? url).origin,
    token: tokenFile === undefined ? here?.token : readToken(tokenFile),
    tokenHint: () => tokenHint(url, tokenFile !== undefined),
    caCert: tls.caCert && readAuthorities(tls.caCert),
    clientCert: tls.clientCert && readCertificates(tls.clientCert),
    clientKey: tls.clientKey && readSecret(tls.clientKey),
    pin: tls.pin,
    policy: retryPolicy(retryForMs),
  };
  checkTls(address);
  return address;
}

/** Checked here, because a handshake would ignore a file without a certificate, and report a key of another certificate as a bug. */
function checkTls({ caCert: ca, clientCert: cert, clientKey: key }: SourceAddress): void {
  try {
    if (ca !== undefined) new X509Certificate(ca);
    if (cert !== undefined) createSecureContext({ cert, key });
  } catch (cause) {
    const which = cert === undefined ? '--ca-cert' : '--ca-cert, --client-cert or --client-key';
    throw new LmError('certificate', `${which} cannot be used: ${(cause as Error).message}`, { cause });
  }
}
