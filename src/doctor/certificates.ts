// Says until when the certificates of both sides are valid. Whether they are accepted, the connection itself has shown.

import { X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import { connect } from 'node:tls';
import { LmError } from '../errors.js';
import type { SourceAddress } from '../source/http-client.js';
import { TLS_PROTOCOL } from '../wire/tls.js';
import { type Finding, failed, note, ok, warning } from './finding.js';

const DAY_MS = 86_400_000;

/** A migration of a large node takes days. */
const SOON_MS = 14 * DAY_MS;

/** `whose`: `the source's certificate`. `isPinned`: by its fingerprint it is accepted whatever its dates. */
export function certificateFinding(
  whose: string,
  { validFrom, validTo }: Pick<X509Certificate, 'validFrom' | 'validTo'>,
  nowMs: number,
  isPinned = false,
): Finding {
  const [from, to] = [Date.parse(validFrom), Date.parse(validTo)];
  const until = `${whose} is valid until ${new Date(to).toISOString().slice(0, 10)}`;
  if (nowMs >= from && to - nowMs > SOON_MS) return ok('certificate', until);
  if (isPinned) return note('certificate', `${until}; as it is pinned, its dates do not matter`);
  if (nowMs < from || nowMs >= to) {
    const why = nowMs < from ? 'is not valid yet' : 'is not valid any more';
    const hint = 'renew it, or set the clocks';
    return failed('certificate', new LmError('tls', `${whose} ${why}`, { hint }));
  }
  return warning('certificate', until, { todo: 'renew it first: a migration may last longer' });
}

export const clientCertificateFinding = (pem: string, nowMs: number): Finding =>
  certificateFinding('the client certificate', new X509Certificate(pem), nowMs);

/** Asks for the certificate by a handshake of its own, which verifies nothing. */
export async function sourceCertificateFinding(address: SourceAddress, nowMs: number): Promise<Finding> {
  const shown = await certificateOf(address);
  if (!shown) return note('certificate', 'the source showed none to a second connection');
  return certificateFinding("the source's certificate", shown, nowMs, address.pin !== undefined);
}

const HANDSHAKE_MS = 5_000;

function certificateOf({ url, clientCert: cert, clientKey: key }: SourceAddress): Promise<X509Certificate | undefined> {
  const { hostname, port } = new URL(url);
  const host = hostname.replace(/^\[|\]$/g, '');
  const servername = isIP(host) ? '' : host;
  return new Promise((resolve) => {
    const end = (found?: X509Certificate): void => {
      socket.destroy();
      resolve(found);
    };
    const socket = connect({
      ...TLS_PROTOCOL,
      host,
      port: Number(port || 443),
      servername,
      cert,
      key,
      rejectUnauthorized: false,
    });
    socket.setTimeout(HANDSHAKE_MS, () => end());
    socket.once('secureConnect', () => end(socket.getPeerX509Certificate()));
    socket.once('error', () => end());
  });
}
