// The server by itself, with answers of the test's own.

import { EventEmitter, once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { connect as connectTls, type TlsOptions } from 'node:tls';
import { afterEach, describe, expect, test } from '@jest/globals';
import { tlsOptions } from '../../src/agent/access/auth.js';
import { selfSigned } from '../../src/agent/access/self-signed.js';
import { jsonReply, type Reply } from '../../src/agent/reply.js';
import type { Request } from '../../src/agent/request.js';
import { type RunningServer, type ServedRequest, startServer } from '../../src/agent/server.js';
import { createPacer } from '../../src/pace/rate.js';

let server: RunningServer | undefined;
const served: ServedRequest[] = [];
const warnings: string[] = [];

afterEach(async () => {
  await server?.drain(0);
  served.length = warnings.length = 0;
});

async function answering(
  answer: (request: Request) => Reply | Promise<Reply>,
  { host = '127.0.0.1', tls }: { host?: string; tls?: TlsOptions } = {},
) {
  server = await startServer({
    listen: { host, port: 0 },
    tls,
    pacer: createPacer(),
    authorize: () => undefined,
    answer: async (request) => answer(request),
    served: (request) => served.push(request),
    warn: (text) => warnings.push(text),
  });
  return server;
}

test('a file that cannot be closed is a warning, and the next request is answered', async () => {
  const { url } = await answering(() => ({
    ...jsonReply(200, {}),
    done() {
      throw Object.assign(new Error('i/o error'), { code: 'EIO' });
    },
  }));
  for (let i = 0; i < 2; i++) expect(await (await fetch(new URL('/f', url))).text()).toBe('{}');
  expect(warnings).toEqual(Array(2).fill('cannot close what was sent for /f: EIO'));
});

test('a request that was cut off has been reported when all have ended', async () => {
  let answer: () => Promise<Reply>;
  const begun = new Promise<(reply: Reply) => void>((begin) => {
    answer = () => new Promise((resolve) => begin(resolve));
  });
  const { url, drain, ended } = await answering(() => answer());
  const response = fetch(new URL('/f', url));
  const give = await begun;
  expect(await drain(0)).toBe(1);
  await expect(response).rejects.toThrow();
  expect(served).toEqual([]);
  give(jsonReply(200, {}));
  await ended();
  expect(served).toMatchObject([{ target: '/f', status: 200 }]);
});

test('an end does not wait for a handshake that does not go on', async () => {
  const pem = selfSigned(['localhost'], Date.now());
  const { url, drain } = await answering(() => jsonReply(200, {}), {
    tls: tlsOptions({ cert: pem, key: pem, clientCa: undefined }),
  });
  const half = connect(Number(url.port), '127.0.0.1').resume();
  const closed = once(half, 'close');
  half.write(Buffer.from('1603010200010001', 'hex'));
  await once(half, 'connect');
  const whole = connectTls({ port: Number(url.port), host: '127.0.0.1', rejectUnauthorized: false });
  await once(whole, 'secureConnect'); // accepted after the other
  whole.destroy();
  await drain(0);
  await closed;
}, 8_000);

describe('requests sent ahead on one connection', () => {
  const get = (path: string) => `GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`;

  /** Answers each when it is told to; `begun` are the targets it has been requests for. */
  async function heldBack() {
    const begun: string[] = [];
    const replies: ((reply: Reply) => void)[] = [];
    const requests = new EventEmitter();
    const { url } = await answering(({ target }) => {
      begun.push(target);
      requests.emit(target);
      return new Promise((resolve) => replies.push(resolve));
    });
    const ahead = connect(Number(url.port), '127.0.0.1');
    const chunks: Buffer[] = [];
    ahead.on('data', (chunk) => chunks.push(chunk)).on('error', () => {});
    return { url, begun, replies, requests, ahead, received: () => Buffer.concat(chunks).toString() };
  }

  test('begin one after the other', async () => {
    const { url, begun, replies, requests, ahead, received } = await heldBack();
    ahead.write(get('/1') + get('/2') + get('/3'));
    await once(requests, '/1');
    const other = fetch(new URL('/other', url));
    await once(requests, '/other');
    expect(begun).toEqual(['/1', '/other']);
    replies[1]!(jsonReply(200, {}));
    expect((await other).status).toBe(200);
    for (const [i, next] of [
      [0, '/2'],
      [2, '/3'],
    ] as const) {
      replies[i]!(jsonReply(200, { after: begun.at(-1) }));
      await once(requests, next);
    }
    replies[3]!(jsonReply(200, { last: true }));
    while (!received().includes('"last"')) await once(ahead, 'data');
    expect(received().match(/HTTP\/1\.1 200 OK/g)).toHaveLength(3);
    ahead.destroy();
  });

  test('are not answered when the client has gone, and too many of them cost the connection', async () => {
    const { begun, replies, requests, ahead } = await heldBack();
    const closed = new Promise((resolve) => ahead.once('close', resolve));
    ahead.write(get('/1') + get('/2'));
    await once(requests, '/1');
    ahead.write(get('/3').repeat(5_000));
    await closed;
    replies[0]!(jsonReply(200, {}));
    await server!.ended();
    expect(begun).toEqual(['/1']);
  });
});

const withIpv6 =
  existsSync('/proc/net/if_inet6') && readFileSync('/proc/net/if_inet6', 'utf8') !== '' ? test : test.skip;

withIpv6('an IPv4 client of a dual-stack socket is named by its IPv4 address', async () => {
  const { url } = await answering(() => jsonReply(200, {}), { host: '::' });
  await fetch(`http://127.0.0.1:${url.port}/f`);
  await fetch(`http://[::1]:${url.port}/f`);
  expect(served.map(({ remote }) => remote)).toEqual(['127.0.0.1', '::1']);
});

withIpv6('an IPv4 address in IPv6 form is shown as what it is', async () => {
  const { url } = await answering(() => jsonReply(200, {}), { host: '::ffff:127.0.0.1' });
  expect(url.origin).toBe(`http://127.0.0.1:${url.port}`);
});
