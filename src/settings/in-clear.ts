// What is said, on either side, about a line that anybody on the way can read. Warns; refuses nothing.

import { plainAddress } from '../files/addresses.js';
import type { ReachingSource, ServeSettings } from '../settings.js';
import { isLoopback } from './resolve.js';

const IN_CLEAR = 'whoever is on the way can read the token and the data, and change them';

/** For the side that connects; nothing where certificates are named that go unused, because the settings' own notes say so. */
export function askedInClear({ url, tls }: Pick<ReachingSource, 'url' | 'tls'>): string[] {
  if (!url || url.protocol === 'https:' || isLoopback(plainAddress(url.hostname))) return [];
  if (tls.caCert !== undefined || tls.clientCert !== undefined) return [];
  return [
    `${url.origin} is not encrypted: ${IN_CLEAR}; start lm serve there with --tls-auto, and say https:// and --pin here`,
  ];
}

export function servedInClear({
  listen,
  tlsAuto,
  tlsCert,
}: Pick<ServeSettings, 'listen' | 'tlsAuto' | 'tlsCert'>): string[] {
  if (isLoopback(listen.host) || tlsAuto || tlsCert !== undefined) return [];
  return [`what is served is not encrypted: ${IN_CLEAR}; --tls-auto encrypts it`];
}
