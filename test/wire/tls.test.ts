// What is spoken of TLS on either end: the suites of TLS 1.3 and, of TLS 1.2, those with ECDHE and authenticated encryption.

import { execFileSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ConnectionOptions, connect, createServer, type TlsOptions } from 'node:tls';
import { afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { tlsOptions } from '../../src/agent/access/auth.js';
import { jsonReply } from '../../src/agent/reply.js';
import { startServer } from '../../src/agent/server.js';
import { createPacer } from '../../src/pace/rate.js';
import { Connection } from '../../src/source/connection.js';
import { createHttpClient } from '../../src/source/http-client.js';

/** All that the other end speaks. */
type Spoken = Pick<ConnectionOptions & TlsOptions, 'minVersion' | 'maxVersion' | 'ciphers'>;

const only = (version: 'TLSv1.1' | 'TLSv1.2' | 'TLSv1.3', ciphers: string): Spoken => ({
  ...{ minVersion: version, maxVersion: version, ciphers },
});

const REFUSED: [string, Spoken][] = [
  ['TLS 1.1', only('TLSv1.1', 'ALL:@SECLEVEL=0')],
  ['TLS 1.2 with CBC', only('TLSv1.2', 'ECDHE-RSA-AES128-SHA256')],
  ['TLS 1.2 with CBC and SHA-1', only('TLSv1.2', 'ECDHE-RSA-AES256-SHA')],
  ['TLS 1.2 with RSA key exchange', only('TLSv1.2', 'AES128-GCM-SHA256:AES256-GCM-SHA384')],
  ['TLS 1.2 with finite field Diffie-Hellman', only('TLSv1.2', 'DHE-RSA-AES128-GCM-SHA256')],
];

const SPOKEN: [string, Spoken, string][] = [
  ['TLS 1.2, AES-GCM', only('TLSv1.2', 'ECDHE-RSA-AES128-GCM-SHA256'), 'ECDHE-RSA-AES128-GCM-SHA256'],
  ['TLS 1.2, ChaCha20', only('TLSv1.2', 'ECDHE-RSA-CHACHA20-POLY1305'), 'ECDHE-RSA-CHACHA20-POLY1305'],
  ['TLS 1.3, AES-256', only('TLSv1.3', 'TLS_AES_256_GCM_SHA384'), 'TLS_AES_256_GCM_SHA384'],
  ['TLS 1.3, ChaCha20', only('TLSv1.3', 'TLS_CHACHA20_POLY1305_SHA256'), 'TLS_CHACHA20_POLY1305_SHA256'],
];

let cert: string;
let key: string;
const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (let cleanup = cleanups.pop(); cleanup; cleanup = cleanups.pop()) await cleanup();
});

beforeAll(() => {
  const dir = mkdtempSync(join(tmpdir(), 'lm-tls-'));
  const [keyFile, certFile] = [join(dir, 'key'), join(dir, 'cert')];
  const made = ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-subj', '/CN=x'];
  execFileSync('openssl', [...made, '-keyout', keyFile, '-out', certFile], { stdio: 'ignore' });
  [cert, key] = [readFileSync(certFile, 'utf8'), readFileSync(keyFile, 'utf8')];
  rmSync(dir, { recursive: true });
});

describe('the agent', () => {
  /** The suite that a client gets which speaks only this. */
  async function suiteFor(spoken: Spoken): Promise<string> {
    const server = await startServer({
      listen: { host: '127.0.0.1', port: 0 },
      tls: tlsOptions({ cert, key, clientCa: undefined }),
      pacer: createPacer(),
      authorize: () => undefined,
      answer: async () => jsonReply(200, {}),
      served() {},
      warn() {},
    });
    cleanups.push(() => server.drain(0));
    const socket = connect({ ...spoken, host: '127.0.0.1', port: Number(server.url.port), rejectUnauthorized: false });
    cleanups.push(() => socket.destroy());
    await once(socket, 'secureConnect');
    return socket.getCipher().name;
  }

  test.each(REFUSED)('does not speak %s', async (_, spoken) => {
    await expect(suiteFor(spoken)).rejects.toThrow(/alert (handshake failure|protocol version)/);
  });

  test.each([
    ...SPOKEN,
    [
      'TLS 1.3, whatever the client would have first',
      only('TLSv1.3', 'TLS_AES_256_GCM_SHA384:TLS_AES_128_GCM_SHA256'),
      'TLS_AES_128_GCM_SHA256',
    ],
  ] as const)('speaks %s', async (_, spoken, suite) => {
    expect(await suiteFor(spoken)).toBe(suite);
  });
});

async function serve(spoken: Spoken): Promise<{ port: number; suite: () => string | undefined }> {
  let suite: string | undefined;
  const server = createServer({ ...spoken, cert, key, dhparam: 'auto', honorCipherOrder: true }, (socket) => {
    suite = socket.getCipher().name;
    socket.on('error', () => {});
    socket.on('data', () => socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi'));
  });
  server.on('tlsClientError', () => {});
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  cleanups.push(() => new Promise((done) => server.close(done)));
  return { port: (server.address() as AddressInfo).port, suite: () => suite };
}

async function askLane(port: number, pin: string): Promise<void> {
  const connection = new Connection({ host: '127.0.0.1', port, tls: { pin } }, Buffer.alloc(65536), createPacer());
  cleanups.push(() => connection.close());
  await connection.request({ method: 'GET', target: '/' }, { head() {}, body() {}, end() {} });
}

async function askClient(port: number, pin: string): Promise<void> {
  const client = await createHttpClient({ url: `https://127.0.0.1:${port}`, pin });
  cleanups.push(() => client.close());
  const attempt = await client.request({
    what: 'it',
    target: '/',
    silenceMs: 10_000,
    signal: AbortSignal.timeout(10_000),
  });
  if (!('failure' in attempt)) return;
  const { failure } = attempt;
  throw failure.kind === 'fatal' ? failure.error : new Error(failure.reason);
}

describe.each([
  ['a lane', askLane],
  ['the client', askClient],
])('%s', (_, ask) => {
  const pin = (): string => new X509Certificate(cert).fingerprint256;

  test.each(REFUSED)('does not speak %s', async (_, spoken) => {
    const { port, suite } = await serve(spoken);
    await expect(ask(port, pin())).rejects.toThrow(/alert (handshake failure|protocol version)/);
    expect(suite()).toBeUndefined();
  });

  test.each(SPOKEN)('speaks %s', async (_, spoken, expected) => {
    const { port, suite } = await serve(spoken);
    await ask(port, pin());
    expect(suite()).toBe(expected);
  });
});

test('a source without a common TLS version gets another error than one that serves plain HTTP', async () => {
  const { port } = await serve(only('TLSv1.2', 'AES128-GCM-SHA256'));
  await expect(askClient(port, '')).rejects.toMatchObject({
    code: 'protocol',
    hint: expect.stringMatching(/TLS 1\.3, and 1\.2 with ECDHE/),
  });
});
