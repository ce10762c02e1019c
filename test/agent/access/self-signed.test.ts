// The certificate an agent makes for itself, read back by OpenSSL as Node has it.

import { createPrivateKey, X509Certificate } from 'node:crypto';
import { createSecureContext } from 'node:tls';
import { expect, test } from '@jest/globals';
import { selfSigned } from '../../../src/agent/access/self-signed.js';

const NOW = Date.UTC(2026, 10, 29, 20, 8, 2);
const read = (pem: string): X509Certificate => new X509Certificate(pem);

test('it is signed by its own key, begins a day ago and has no end', () => {
  const pem = selfSigned(['node1'], NOW);
  const certificate = read(pem);
  const key = createPrivateKey(pem);
  expect(certificate.verify(certificate.publicKey)).toBe(true);
  expect(certificate.checkPrivateKey(key)).toBe(true);
  expect(certificate.checkIssued(certificate)).toBe(true);
  expect([certificate.validFrom, certificate.validTo]).toEqual([
    'Nov 28 20:08:02 2026 GMT',
    'Dec 31 23:59:59 9999 GMT',
  ]);
  expect([certificate.subject, certificate.issuer, certificate.keyUsage]).toEqual([
    ...['CN=lm serve', 'CN=lm serve'],
    ['1.3.6.1.5.5.7.3.1'],
  ]);
  expect(key.asymmetricKeyDetails).toEqual({ namedCurve: 'prime256v1' });
  expect(() => createSecureContext({ cert: pem, key: pem })).not.toThrow();
});

test.each([
  'node1',
  'a.long.name.example',
  '127.0.0.1',
  '255.0.1.2',
  '::1',
  'fe80::1:0:2',
  '1:2:3:4:5:6:7:8',
  '::ffff:1.2.3.4',
  '::',
])('it is for %s, and for nobody else', (name) => {
  const certificate = read(selfSigned(['localhost', name], NOW));
  const check = (one: string) => (/^[\d.]+$|:/.test(one) ? certificate.checkIP(one) : certificate.checkHost(one));
  expect([check(name), check('localhost'), check('node2'), check('10.0.0.1')]).toEqual([
    ...[name, 'localhost'],
    ...[undefined, undefined],
  ]);
});

test('its numbers and lengths are DER whatever they are: many names, many certificates', () => {
  const serials = new Set<string>();
  for (let count = 0; count < 40; count++) {
    const names = Array.from({ length: count * 20 }, (_, i) => `host-${i}.example`);
    const certificate = read(selfSigned(names, Date.UTC(2026 + (count % 20), 0, 1)));
    serials.add(certificate.serialNumber);
    expect(certificate.verify(certificate.publicKey)).toBe(true);
    for (const name of names.slice(-1)) expect(certificate.checkHost(name)).toBe(name);
  }
  expect(serials.size).toBe(40);
});
