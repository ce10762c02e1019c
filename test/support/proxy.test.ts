import { once } from 'node:events';
import { createServer, get, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { type ProxyOptions, startProxy } from './proxy.js';

let server: Server;
let target: string;
const closers: (() => Promise<void>)[] = [];

beforeEach(async () => {
  server = createServer((_request, response) => {
    response.setHeader('lm-agent', '1');
    response.end(Buffer.alloc(100_000, 7));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  target = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});

afterEach(async () => {
  for (const close of closers.splice(0)) await close();
  server.close();
  server.closeAllConnections();
});

async function through(options: ProxyOptions) {
  const proxy = await startProxy(target, options);
  closers.push(() => proxy.stop());
  return proxy;
}

async function fetched(url: string): Promise<{ headers: Record<string, unknown>; body: Buffer }> {
  const [response] = await once(get(url, { agent: false }), 'response');
  const pieces: Buffer[] = [];
  for await (const piece of response) pieces.push(piece);
  return { headers: response.headers, body: Buffer.concat(pieces) };
}

describe('the proxy', () => {
  test('passes on what it is given', async () => {
    const { headers, body } = await fetched((await through({})).url);
    expect(headers['lm-agent']).toBe('1');
    expect(body.equals(Buffer.alloc(100_000, 7))).toBe(true);
  });

  test('hides an agent', async () => {
    const { headers, body } = await fetched((await through({ asSidecar: true })).url);
    expect(headers).not.toHaveProperty('lm-agent');
    expect(body).toHaveLength(100_000);
  });

  test('flips one bit', async () => {
    const { body } = await fetched((await through({ flipAt: 50_000 })).url);
    expect(body.filter((byte) => byte !== 7)).toEqual(Buffer.from([6]));
  });

  test('is as slow as it is told to be', async () => {
    const proxy = await through({ bytesPerSecond: 500_000 });
    const beganMs = performance.now();
    await Promise.all([fetched(proxy.url), fetched(proxy.url), proxy.hasPassed(200_000)]);
    expect(performance.now() - beganMs).toBeGreaterThan(395);
    expect(proxy.passed()).toBeGreaterThan(200_000);
  });

  test('cuts once', async () => {
    const { url } = await through({ cutAfter: 1_000 });
    await expect(fetched(url)).rejects.toThrow();
    expect((await fetched(url)).body).toHaveLength(100_000);
  });

  test('stalls', async () => {
    const proxy = await through({ stallAfter: 1_000 });
    const request = get(proxy.url).on('error', () => {});
    await proxy.stalled;
    request.destroy();
  });
});
