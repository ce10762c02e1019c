import type { IncomingHttpHeaders } from 'node:http';
import { expect, test } from '@jest/globals';
import { createAuthorize } from '../../../src/agent/access/auth.js';
import { isOwnName, namesInHosts } from '../../../src/agent/access/own-names.js';
import { PERMISSIONS } from '../../../src/permissions.js';
import { makeDirectory } from '../../support/settings.js';

const names = { stated: ['Node1', '10.0.0.1', 'fd00::0:1'], more: () => ['node1.example'] };

test.each([
  ...['localhost', 'LocalHost:9043', 'localhost.', '127.0.0.1', '127.1.2.3:80', '[::1]', '[::1]:9043', '[0:0::1]:1'],
  ...['node1', 'NODE1.:9043', '10.0.0.1:9043', '[::ffff:10.0.0.1]', '[fd00::1]:80', 'node1.example'],
])('%s is this host', (host) => expect(isOwnName(host, names)).toBe(true));

test.each([
  ...['evil.example', 'localhost.evil.example', '127.0.0.1.evil.example', 'evil.example:9043', 'node1.evil', 'node2'],
  ...['127.evil', '10.0.0.2', '[::2]', '[fd00::2]', '', ':', ':80', 'a@localhost', 'localhost@a', 'localhost/a'],
  ...['localhost:80:80', '[localhost', '::1:9043:', 'localhost, evil', 'localhost:x', '0.0.0.0'],
])('%j is not', (host) => expect(isOwnName(host, names)).toBe(false));

test('a name that the map has for another host is not this one, though it be an address of it', () => {
  const one = { ...names, others: ['127.0.0.1', 'Node2', '10.0.0.1'] };
  for (const host of ['127.0.0.1:9043', 'node2', '10.0.0.1']) expect(isOwnName(host, one)).toBe(false);
  for (const host of ['127.0.0.2', 'localhost', 'node1']) expect(isOwnName(host, one)).toBe(true);
});

test('/etc/hosts names this host by each line that has a name or an address of its own', () => {
  const file = `${makeDirectory({ hosts: '127.0.0.1 localhost\n127.0.1.1 node1.a.example Node1 # x evil\n10.0.0.1\tdb\n10.0.0.2 other\n' })}/hosts`;
  expect(namesInHosts(['node1', '10.0.0.1'], file)).toEqual([
    '127.0.1.1',
    'node1.a.example',
    'Node1',
    '10.0.0.1',
    'db',
  ]);
  expect(namesInHosts(['node1'], '/nowhere')).toEqual([]);
});

test('pages are refused before names, names before tokens, and a client that names no host needs its token', () => {
  const tokens = [{ token: 'sesame', permissions: PERMISSIONS }];
  const authorize = createAuthorize({ tokens, names });
  const authorization = 'Bearer sesame';
  const asker = (headers: IncomingHttpHeaders) => ({
    ...{ method: 'GET', target: '/api/v1/live-migration/status' },
    ...{ headers, clientCertificate: () => undefined },
  });
  const statusOf = (headers: IncomingHttpHeaders) => authorize(asker(headers))?.status;
  expect(statusOf({ host: 'evil', origin: 'null', authorization })).toBe(403);
  expect(statusOf({ host: 'node1', 'sec-fetch-site': 'cross-site', authorization })).toBe(403);
  expect(statusOf({ host: 'evil', authorization })).toBe(421);
  expect(statusOf({ host: 'node1' })).toBe(401);
  expect(statusOf({})).toBe(401);
  for (const host of ['node1', undefined]) expect(statusOf({ host, authorization })).toBeUndefined();
  expect(createAuthorize({ tokens })(asker({ host: 'alias', authorization }))).toBeUndefined();
});
