// Whether the source's certificate is the very one that was pinned. Asks no authority, compares no name, and looks at no date.

import type { TLSSocket } from 'node:tls';

/** The options of a connection that `pinFault` judges as soon as its handshake has ended. */
export const PINNED = { ca: undefined, rejectUnauthorized: false } as const;

/** What to fail a connection with whose handshake has ended; undefined for the certificate that `pin` is the SHA-256 of. */
export function pinFault(socket: TLSSocket, pin: string): Error | undefined {
  const seen: string | undefined = socket.getPeerCertificate().fingerprint256;
  if (seen === pin) return undefined;
  const message = `its certificate has the SHA-256 fingerprint ${seen ?? 'of nothing'}, and not ${pin}, which is pinned`;
  return Object.assign(new Error(message), { code: PIN_MISMATCH });
}

export const PIN_MISMATCH = 'ERR_TLS_PIN_MISMATCH';
