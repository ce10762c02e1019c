// Resolves the address of the source: its URL, with all secrets read and checked. Does not connect.

import { X509Certificate } from 'node:crypto';
import { createSecureContext } from 'node:tls';
import { LmError, printable } from '../errors.js';
import type { FromSource, OwnAgent } from '../settings/settings.js';
import { readAuthorities, readCertificates, readSecret, readToken } from '../settings/values/secret.js';
import { directoryIn } from '../settings/values/source-url.js';
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
  ownAgent,
  tokenFile,
  tls,
  retryForMs,
}: Pick<FromSource, 'url' | 'ownAgent' | 'tokenFile' | 'tls'> &
  Partial<Pick<FromSource, 'retryForMs'>>): Promise<ResolvedAddress> {
  const directory = directoryIn(url);
  if (directory !== undefined) return ofDirectory(directory, ownAgent, retryPolicy(retryForMs));
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

/** Only a command serves a directory, for as long as it runs: what an agent of a destination is told to do takes a source that answers. */
function ofDirectory(name: string, ownAgent: OwnAgent | undefined, policy: RetryPolicy): ResolvedAddress {
  if (ownAgent) return { url: ownAgent.url.origin, name, token: readToken(ownAgent.tokenFile), policy };
  throw new LmError(
    'source-url',
    `the source is a directory of this host, ${printable(name)}, which is read by commands alone`,
    {
      hint: 'lm copy, lm verify and lm complete serve it to themselves; for tasks over HTTP, start lm serve for it and give its URL',
    },
  );
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
