// How transfer workers request the bytes of a source. Plain data: it crosses threads.

import { SNAPSHOT_HEADER } from '../wire/routes.js';
import type { Endpoint } from './connection.js';
import type { SourceAddress } from './http-client.js';

export interface Transport {
  /**
   * `units`: bundles and ranges in frames, each file verified by the source's own hashes. `files`: each file or range by a plain GET, which
   * only its length verifies.
   */
  by: 'units' | 'files';
  /** Whether empty files are requested as well: a file whose size wrongly says empty shows only when it is read there. */
  servesEmpty: boolean;
  /** Whether it compares pages of files, and sends those that differ. */
  sendsPages: boolean;
  endpoint: Endpoint;
}

/** `snapshot`: what the source has said of that, which goes with every request. */
export function transportTo(
  address: SourceAddress & { snapshot?: string | undefined },
  how: Omit<Transport, 'endpoint'>,
): Transport {
  const { url: text, token, caCert: ca, clientCert: cert, clientKey: key, pin, snapshot } = address;
  const url = new URL(text);
  const secure = url.protocol === 'https:';
  return {
    ...how,
    endpoint: {
      host: url.hostname.replace(/^\[|\]$/g, ''),
      port: Number(url.port || (secure ? 443 : 80)),
      ...(secure && { tls: { ca, cert, key, pin } }),
      ...(token !== undefined && { token }),
      ...(snapshot !== undefined && { headers: { [SNAPSHOT_HEADER]: snapshot } }),
    },
  };
}
