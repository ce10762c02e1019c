// The TLS versions and cipher suites of both ends. They do not follow Node's defaults, which a flag can lower and an environment variable
// can switch off.

/** The first is mandatory in TLS 1.3 (RFC 8446, 9.1): with AES-256 a copy of big files takes a tenth longer. */
const SUITES = [
  ...['TLS_AES_128_GCM_SHA256', 'TLS_AES_256_GCM_SHA384', 'TLS_CHACHA20_POLY1305_SHA256'],
  ...['ECDHE-ECDSA-AES128-GCM-SHA256', 'ECDHE-RSA-AES128-GCM-SHA256'],
  ...['ECDHE-ECDSA-AES256-GCM-SHA384', 'ECDHE-RSA-AES256-GCM-SHA384'],
  ...['ECDHE-ECDSA-CHACHA20-POLY1305', 'ECDHE-RSA-CHACHA20-POLY1305'],
];

/** TLS 1.3, or 1.2 with forward secrecy (ECDHE) and authenticated encryption (RFC 9325, 4.2). */
export const TLS_PROTOCOL = { minVersion: 'TLSv1.2', ciphers: SUITES.join(':') } as const;

/** Options of a client. Node's default too, unless the environment has NODE_TLS_REJECT_UNAUTHORIZED=0. */
export const TLS_CLIENT = { ...TLS_PROTOCOL, rejectUnauthorized: true } as const;
