// The way to the source: its URL with all secrets read, and what can be seen to be wrong with them here. Connects to nobody.

import { X509Certificate } from 'node:crypto';
import { createSecureContext } from 'node:tls';
import { LmError } from '../errors.js';
import type { FromSource } from '../settings/settings.js';
import { readAuthorities, readCertificates, readSecret, readToken } from '../settings/values/secret.js';
import type { SourceAddress } from '../source/http-client.js';
import { type RetryPolicy, retryPolicy } from '../source/retry.js';
import { findLocalAgent, tokenHint } from './local-agent.js';

/** The way to the source. */
export interface Reach extends SourceAddress {
  /** How long it is waited for once it is lost. */
  policy: RetryPolicy;
}

/** The source's address with all secrets read: what undici and the lanes are given. A token that is not stated is looked for here. */
export async function addressOf({
  url,
  tokenFile,
  tls,
  retryForMs,
}: Pick<FromSource, 'url' | 'tokenFile' | 'tls'> & Partial<Pick<FromSource, 'retryForMs'>>): Promise<Reach> {
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

/** Here, because a handshake would pass over a file without a certificate, and call a key of another one a bug. */
function checkTls({ caCert: ca, clientCert: cert, clientKey: key }: SourceAddress): void {
  try {
    if (ca !== undefined) new X509Certificate(ca);
    if (cert !== undefined) createSecureContext({ cert, key });
  } catch (cause) {
    const which = cert === undefined ? '--ca-cert' : '--ca-cert, --client-cert or --client-key';
    throw new LmError('usage', `${which} cannot be used: ${(cause as Error).message}`, { cause });
  }
}
