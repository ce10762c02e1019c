// Both ways to a pinned source: what a certificate with another fingerprint gets to see, which is nothing.

import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:tls';
import { afterEach, describe, expect, test } from '@jest/globals';
import { selfSigned } from '../../src/agent/access/self-signed.js';
import { createPacer } from '../../src/pace/rate.js';
import { Connection } from '../../src/source/connection.js';
import { createHttpClient, textOf } from '../../src/source/http-client.js';

const pem = selfSigned(['somebody.else'], Date.now());
const { fingerprint256: pin } = new X509Certificate(pem);
const other = new X509Certificate(selfSigned([], Date.now())).fingerprint256;
const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (let cleanup = cleanups.pop(); cleanup; cleanup = cleanups.pop()) await cleanup();
});

async function serve(maxVersion: 'TLSv1.2' | 'TLSv1.3'): Promise<{ port: number; heard: () => string }> {
  let heard = '';
  const server = createServer({ cert: pem, key: pem, maxVersion }, (socket) => {
    socket.on('error', () => {});
    socket.on('data', (data) => {
      heard += data;
      socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi');
    });
  });
  server.on('tlsClientError', () => {});
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  cleanups.push(() => new Promise((done) => server.close(done)));
  return { port: (server.address() as AddressInfo).port, heard: () => heard };
}

async function askLane(port: number, pinned: string): Promise<string> {
  const origin = { host: '127.0.0.1', port, tls: { pin: pinned, ca: 'passed over' }, token: 'secret' };
  const connection = new Connection(origin, Buffer.alloc(65536), createPacer());
  cleanups.push(() => connection.close());
  const chunks: Buffer[] = [];
  const sink = { head() {}, body: (chunk: Uint8Array) => void chunks.push(Buffer.from(chunk)), end() {} };
  await connection.request({ method: 'GET', target: '/' }, sink);
  await connection.request({ method: 'POST', target: '/', body: Buffer.from('x') }, sink);
  return String(Buffer.concat(chunks));
}

async function askClient(port: number, pinned: string): Promise<string> {
  const client = await createHttpClient({ url: `https://127.0.0.1:${port}`, token: 'secret', pin: pinned });
  cleanups.push(() => client.close());
  let text = '';
  for (let i = 0; i < 2; i++) {
    const signal = AbortSignal.timeout(10_000);
    const reply = await client.request({ what: 'it', target: '/', silenceMs: 10_000, signal });
    if ('failure' in reply)
      throw reply.failure.kind === 'fatal' ? reply.failure.error : new Error(reply.failure.reason);
    text += await textOf(reply.value.body, 100);
  }
  return text;
}

describe.each([
  ['a lane', askLane],
  ['the client', askClient],
])('%s', (_, request) => {
  test.each(['TLSv1.2', 'TLSv1.3'] as const)(
    'checks the pin alone, and sends nothing to a server with another certificate (%s)',
    async (version) => {
      const { port, heard } = await serve(version);
      await expect(request(port, other)).rejects.toThrow(`SHA-256 fingerprint ${pin}, and not ${other}`);
      expect(heard()).toBe('');
      expect(await request(port, pin)).toBe('hihi');
      expect(heard()).toContain('Bearer secret');
    },
  );
});

test('a wrong pin is no fault that another try would mend', async () => {
  const { port } = await serve('TLSv1.3');
  await expect(askClient(port, other)).rejects.toMatchObject({
    code: 'protocol',
    hint: expect.stringContaining('--pin'),
  });
});
