// Which client certificates are taken, among all that an authority has signed: those with a name that the agent was told. Checks no
// signature: the handshake has.

import type { X509Certificate } from 'node:crypto';
import { printable } from '../../errors.js';
import { errorReply, type Reply } from '../reply.js';

/** As RFC 6125 has it: the DNS names of subjectAltName, and CN where there is none. A wildcard in a certificate stands for nobody. */
const EXACTLY = { subject: 'default', wildcards: false } as const;

/** Undefined for a certificate with one of `names`. */
export function clientNameRefusal(
  certificate: X509Certificate | undefined,
  names: readonly string[],
): Reply | undefined {
  if (!certificate) return errorReply(403, 'no client certificate was shown');
  if (names.some((name) => certificate.checkHost(name, EXACTLY) !== undefined)) return undefined;
  return errorReply(403, `the client certificate is for ${nameOf(certificate)}, which is none of --client-name there`);
}

/** `DNS:node7, IP Address:10.0.0.7`, or the subject of one without; its parts are lines. */
const nameOf = ({ subjectAltName, subject }: X509Certificate): string =>
  printable((subjectAltName?.includes('DNS:') ? subjectAltName : subject).replaceAll('\n', ', ')).slice(0, 300);
