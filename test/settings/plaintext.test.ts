// Warnings about listeners of other users on loopback, with processes that really listen there.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { createInterface } from 'node:readline';
import { afterEach, expect, test } from '@jest/globals';
import { plaintextSourceWarnings } from '../../src/settings/plaintext.js';
import { IS_ROOT, OTHER_USER, under } from '../support/as-user.js';

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (let cleanup = cleanups.pop(); cleanup; cleanup = cleanups.pop()) await cleanup();
});

const NO_TLS = { caCert: undefined, clientCert: undefined, clientKey: undefined, pin: undefined };
const warned = (url: string, tokenFile?: string) =>
  plaintextSourceWarnings({ url: new URL(url), tls: NO_TLS, tokenFile });
const TOKEN = '/etc/lm/token';

const LISTENING = `
  const server = require('net').createServer().listen(0, '127.0.0.1', () => console.log(server.address().port));
`;

(IS_ROOT ? test : test.skip)(
  'another user who has the port of an agent is named before he gets the token',
  async () => {
    const [command, ...flags] = under(OTHER_USER);
    const child = spawn(command!, [...flags, process.execPath, '-e', LISTENING]);
    cleanups.push(() => {
      child.kill();
      return once(child, 'close');
    });
    const [port] = await once(createInterface(child.stdout), 'line');
    const told = [expect.stringContaining(`is a process of uid ${OTHER_USER}: that user can read the token`)];
    expect(await warned(`http://127.0.0.1:${port}`, TOKEN)).toEqual(told);
    expect(await warned(`http://localhost:${port}`, TOKEN)).toEqual(told);
    expect(await warned(`http://127.0.0.2:${port}`, TOKEN)).toEqual([]);
    expect(await warned(`https://127.0.0.1:${port}`, TOKEN)).toEqual([]);
    expect(await warned(`http://127.0.0.1:${port}`)).toEqual([]);
  },
);

test('there is no warning about an agent of the same user', async () => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  cleanups.push(() => new Promise((done) => server.close(done)));
  expect(await warned(`http://127.0.0.1:${(server.address() as AddressInfo).port}`, TOKEN)).toEqual([]);
});
