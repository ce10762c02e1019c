// How a source's bytes are asked for: said by the source, carried out in the lanes. Plain data: it crosses threads.

import type { Origin } from './connection.js';
import type { SourceAddress } from './http-client.js';

export interface Transport {
  /**
   * `units`: bundles and ranges in frames, each file proved by the source's own hashes. `files`: each file or range by a plain GET, which
   * nothing proves but its length.
   */
  by: 'units' | 'files';
  /** Whether an empty file is asked for as well: one that only states to be empty is found out by reading it there. */
  servesEmpty: boolean;
  origin: Origin;
}

export function transportTo(address: SourceAddress, how: Omit<Transport, 'origin'>): Transport {
  const { url: text, token, caCert: ca, clientCert: cert, clientKey: key, pin } = address;
  const url = new URL(text);
  const secure = url.protocol === 'https:';
  return {
    ...how,
    origin: {
      host: url.hostname.replace(/^\[|\]$/g, ''),
      port: Number(url.port || (secure ? 443 : 80)),
      ...(secure && { tls: { ca, cert, key, pin } }),
      ...(token !== undefined && { token }),
    },
  };
}
