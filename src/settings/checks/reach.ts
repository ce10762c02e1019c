// Checks and reads the options that say who reaches whom, and how: addresses, certificates, pins.

import { LmError, printable } from '../../errors.js';
import { find, type Layers, label, pick } from '../layers.js';
import type { FromSource } from '../settings.js';
import { needTogether } from './together.js';

export function clientTls(layers: Layers): FromSource['tls'] {
  refuseUnusedPin(layers);
  needTogether(layers, 'client-cert', 'client-key');
  needTogether(layers, 'client-key', 'client-cert');
  return {
    caCert: pick(layers, 'ca-cert'),
    clientCert: pick(layers, 'client-cert'),
    clientKey: pick(layers, 'client-key'),
    pin: pick(layers, 'pin'),
  };
}

/** Who gives certificates expects the connection to be encrypted. */
export function unusedTls(url: URL, layers: Layers): string[] {
  const found = find(layers, 'ca-cert') ?? find(layers, 'client-cert');
  if (url.protocol !== 'http:' || !found) return [];
  return [`${url.origin} is not encrypted, so the certificates go unused; use https:// if the source speaks TLS`];
}

/** A pin identifies the source by its certificate, which a connection without TLS does not have. */
function refuseUnusedPin(layers: Layers): void {
  const [pin, url] = [find(layers, 'pin'), pick(layers, 'url')];
  if (!pin || url?.protocol !== 'http:') return;
  throw new LmError('settings-conflict', `${label('pin', pin.origin)}: ${url.origin} shows no certificate`, {
    hint: `write https://${url.host}, and start lm serve there with --tls-auto`,
  });
}

/** A node's data must not be open to a network by accident: beyond loopback, a token, client certificates or --insecure is needed. */
export function checkServe(layers: Layers): void {
  needTogether(layers, 'tls-cert', 'tls-key');
  needTogether(layers, 'tls-key', 'tls-cert');
  const [auto, cert] = [pick(layers, 'tls-auto'), find(layers, 'tls-cert')];
  if (auto && cert)
    throw new LmError('settings-conflict', `--tls-auto and ${label('tls-cert', cert.origin)} exclude each other`);
  if (!auto) needTogether(layers, 'client-ca', 'tls-cert');
  for (const name of ['client-name', 'client-for'] as const)
    if (pick(layers, name).length > 0) needTogether(layers, name, 'client-ca');
  const { host } = pick(layers, 'listen');
  const guarded = pick(layers, 'token-file') ?? pick(layers, 'client-ca') ?? pick(layers, 'token-for')[0];
  if (isLoopback(host) || guarded || pick(layers, 'insecure')) return;
  const { text, origin } = find(layers, 'listen')!;
  throw new LmError(
    'open-listen',
    `${label('listen', origin)}: got '${printable(`${text}`)}', takes a loopback address while anybody could read everything`,
    {
      hint: 'give --token-file or --client-ca; or --insecure, if the network itself keeps others out',
    },
  );
}

/** Whether only this host can reach what listens there. */
export const isLoopback = (host: string): boolean =>
  host === 'localhost' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host);
