// Accepts client certificates by name, among all that the authority has signed (`--client-name`). The handshake has checked the signature.

import type { X509Certificate } from 'node:crypto';
import { printable } from '../../errors.js';
import type { Permission } from '../../permissions.js';
import { errorReply, type Reply } from '../reply.js';

/** RFC 6125: the DNS names of subjectAltName, and CN where there is none. A wildcard in a certificate matches no name. */
const EXACTLY = { subject: 'default', wildcards: false } as const;

export interface NameGrant {
  name: string;
  permissions: readonly Permission[];
}

/** What a certificate is granted by the names that it has; the reply that refuses it where it has none of them. */
export function grantsOf(certificate: X509Certificate | undefined, grants: readonly NameGrant[]): NameGrant[] | Reply {
  const refusal = clientNameRefusal(
    certificate,
    grants.map(({ name }) => name),
  );
  return refusal ?? grants.filter(({ name }) => certificate!.checkHost(name, EXACTLY) !== undefined);
}

/** The refusal; undefined for a certificate with one of `names`. */
export function clientNameRefusal(
  certificate: X509Certificate | undefined,
  names: readonly string[],
): Reply | undefined {
  if (!certificate) return errorReply(403, 'no client certificate was shown');
  if (names.some((name) => certificate.checkHost(name, EXACTLY) !== undefined)) return undefined;
  return errorReply(403, `the client certificate is for ${nameOf(certificate)}, which is none of --client-name there`);
}

/** `DNS:node7, IP Address:10.0.0.7`, or the subject of a certificate without DNS names, which has a line for each attribute. */
const nameOf = ({ subjectAltName, subject }: X509Certificate): string =>
  printable((subjectAltName?.includes('DNS:') ? subjectAltName : subject).replaceAll('\n', ', ')).slice(0, 300);
