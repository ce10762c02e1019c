// Which names a certificate has, on certificates that OpenSSL made.

import { execFileSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { expect, test } from '@jest/globals';
import { clientNameRefusal } from '../../../src/agent/access/client-name.js';

function certificate(subject: string, alternatives?: string): X509Certificate {
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-keyout', '/dev/null'];
  const more = alternatives === undefined ? [] : ['-addext', `subjectAltName=${alternatives}`];
  const words = ['req', '-x509', '-utf8', ...key, '-subj', subject, ...more];
  return new X509Certificate(execFileSync('openssl', words, { stdio: ['ignore', 'pipe', 'ignore'] }));
}

const OF_DNS = certificate('/CN=node1', 'DNS:node7.example,DNS:*.wild.example,IP:10.0.0.7');
const OF_ADDRESS = certificate('/O=lm/CN=node1', 'IP:10.0.0.7');
const OF_CN = certificate('/O=lm/CN=node1');

test.each<[string, X509Certificate, string]>([
  ['a DNS name', OF_DNS, 'node7.example'],
  ['a DNS name in another case', OF_DNS, 'Node7.EXAMPLE'],
  ['CN beside no DNS name', OF_ADDRESS, 'node1'],
  ['CN alone', OF_CN, 'node1'],
])('by %s', (_, one, name) => {
  expect(clientNameRefusal(one, ['somebody.else', name])).toBeUndefined();
});

test.each<[string, X509Certificate | undefined, string, string]>([
  ['CN beside a DNS name', OF_DNS, 'node1', 'the client certificate is for DNS:node7.example, DNS:*.wild.example, IP'],
  ['a wildcard', OF_DNS, 'x.wild.example', 'the client certificate is for DNS:node7.example, DNS:*.wild.example, IP'],
  ['a part of the name', OF_DNS, 'node7', 'the client certificate is for DNS:node7.example'],
  ['another part of the subject', OF_CN, 'lm', 'the client certificate is for O=lm, CN=node1, which is none of'],
  ['no certificate', undefined, 'node1', 'no client certificate was shown'],
])('not by %s', (_, one, name, message) => {
  const { status, body } = clientNameRefusal(one, [name])!;
  expect([status, JSON.parse(String(body)).message]).toEqual([403, expect.stringContaining(message)]);
});

test('a name is shown without what could forge a line', () => {
  const { body } = clientNameRefusal(certificate('/CN=a\r\nb\u001b[2J\u202ec'), ['node1'])!;
  expect(JSON.parse(String(body)).message).toMatch(/ for CN=[^\p{Cc}\p{Cf}]+, which is none/u);
});
