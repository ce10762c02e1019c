// Compares the source's certificate with the pinned fingerprint, in place of any check of authority, name and date.

import type { TLSSocket } from 'node:tls';

/** The options of a connection that `pinFault` checks right after its handshake. */
export const PINNED = { ca: undefined, rejectUnauthorized: false } as const;

/** The error to fail a connection with after its handshake; undefined when `pin` is the SHA-256 of its certificate. */
export function pinFault(socket: TLSSocket, pin: string): Error | undefined {
  const seen: string | undefined = socket.getPeerCertificate().fingerprint256;
  if (seen === pin) return undefined;
  const message = `its certificate has the SHA-256 fingerprint ${seen ?? 'of nothing'}, and not ${pin}, which is pinned`;
  return Object.assign(new Error(message), { code: PIN_MISMATCH });
}

export const PIN_MISMATCH = 'ERR_TLS_PIN_MISMATCH';
