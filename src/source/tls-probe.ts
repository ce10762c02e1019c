// Whether a server that hangs up on plain HTTP speaks TLS: one handshake, and no request. Believes no certificate and keeps none.

import { connect } from 'node:tls';
import { LmError } from '../errors.js';
import type { Failure } from './failure.js';

const PROBE_MS = 3_000;

/** A failure that stays as it is, unless it `mayBeTls` and TLS is spoken at `origin`: then no other try can help. */
export async function unlessTls(failure: Failure, origin: string): Promise<Failure> {
  if (failure.kind !== 'transient' || !failure.mayBeTls || !(await speaksTls(new URL(origin)))) return failure;
  const { host } = new URL(origin);
  return {
    kind: 'fatal',
    error: new LmError('protocol', `${origin} speaks TLS, and no plain HTTP`, {
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
