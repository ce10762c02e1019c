// Every route and method, and the one permission that opens it.

import { expect, test } from '@jest/globals';
import { createAuthorize } from '../../../src/agent/access/auth.js';
import { PERMISSIONS } from '../../../src/permissions.js';

const P = '/api/v1/live-migration';
const ID = '5b6c3e10-9f5e-11ef-8a3c-0242ac120002';
const tokens = PERMISSIONS.map((permission) => ({ token: `may-${permission}`, permissions: [permission] }));
const authorize = createAuthorize({ tokens });

const statusOf = (method: string, target: string, token: string): number | undefined =>
  authorize({
    ...{ method, target: target.startsWith('/') ? target : `${P}/${target}` },
    ...{ headers: { authorization: `Bearer ${token}` }, clientCertificate: () => undefined },
  })?.status;

test.each([
  ['list', 'GET', 'files'],
  ['list', 'GET', 'status'],
  ['list', 'GET', '/metrics'],
  ['list', 'GET', 'data-copy-tasks'],
  ['list', 'GET', `data-copy-tasks/${ID}`],
  ['list', 'GET', 'files-verification-tasks'],
  ['list', 'GET', `files-verification-tasks/${ID}`],
  ['copy', 'GET', 'files/data/0/x'],
  ['copy', 'GET', 'files/data/0/x?digestAlgorithm=MD5'],
  ['copy', 'GET', '//api/v1//live-migration/%66iles/data/0/x'],
  ['copy', 'POST', 'fetch'],
  ['copy', 'POST', 'digests'],
  ['copy', 'GET', 'open-files'],
  ['manage', 'POST', 'status'],
  ['manage', 'DELETE', 'status'],
  ['manage', 'POST', 'data-copy-tasks'],
  ['manage', 'PATCH', `data-copy-tasks/${ID}`],
  ['manage', 'POST', 'files-verification-tasks'],
  ['manage', 'PATCH', `files-verification-tasks/${ID}`],
])('%s: %s %s', (needed, method, target) => {
  for (const permission of PERMISSIONS)
    expect([permission, statusOf(method, target, `may-${permission}`)]).toEqual([
      permission,
      permission === needed ? undefined : 403,
    ]);
  expect(statusOf(method, target, 'another')).toBe(401);
});

test('whether it answers takes a credential, and no permission; what is no route is answered as such', () => {
  for (const target of ['/api/v1/__health', '/nowhere']) {
    for (const { token } of tokens) expect(statusOf('GET', target, token)).toBeUndefined();
    expect(statusOf('GET', target, 'another')).toBe(401);
  }
});
