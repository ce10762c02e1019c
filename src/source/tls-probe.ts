// Tries by one TLS handshake, without a request, whether a server that hangs up on plain HTTP speaks TLS. It verifies no certificate.

import { connect } from 'node:tls';
import { LmError } from '../errors.js';
import type { Failure } from './failure.js';

const PROBE_MS = 3_000;

/** The same failure, unless it `mayBeTls` and the server speaks TLS: then it is fatal, since no other try can help. */
export async function unlessTls(failure: Failure, origin: string): Promise<Failure> {
  if (failure.kind !== 'transient' || !failure.mayBeTls || !(await speaksTls(new URL(origin)))) return failure;
  const { host } = new URL(origin);
  return {
    kind: 'fatal',
    error: new LmError('tls', `${origin} speaks TLS, and no plain HTTP`, {
      hint: `write https://${host}, with --pin SHA256 or --ca-cert FILE`,
      cause: failure.cause,
    }),
  };
}

function speaksTls({ hostname, port }: URL): Promise<boolean> {
  return new Promise((resolve) => {
    const host = hostname.replace(/^\[|\]$/g, '');
    const socket = connect({ host, port: Number(port || 80), rejectUnauthorized: false, timeout: PROBE_MS });
    const end = (spoken: boolean) => () => {
      socket.destroy();
      resolve(spoken);
    };
    socket
      .once('secureConnect', end(true))
      .once('timeout', end(false))
      .on('error', end(false))
      .once('close', end(false));
  });
}
