// Connections that show no token, against the built agent: they keep nobody out, get nothing done, and do not last.

import { once } from 'node:events';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { connect as connectTls } from 'node:tls';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { type Agent, startAgent } from '../support/lm.js';
import { P, scratch } from './running-agent.js';

const TOKEN = 'thistokenhastwentyfourch';
const { dir, remove } = scratch();
const tokenFile = join(dir, 'token');
/** A process of few files: the agent has 64 slots for newcomers, 32 of them for one address. */
const FEW = { under: ['sh', '-c', 'ulimit -n 256 && exec "$0" "$@"'] };
const PLACES = 64;
const accessLog = join(dir, 'access.log');

const GOOD = `Host: localhost\r\nAuthorization: Bearer ${TOKEN}\r\n`;
const WRONG = 'Host: localhost\r\nAuthorization: Bearer not-this-one-at-all\r\n';
/** Of a ClientHello. */
const HALF_HELLO = Buffer.from('160301020001000', 'hex');

let agents: Record<'http' | 'https', Agent>;
let sockets: Socket[] = [];

beforeAll(async () => {
  mkdirSync(join(dir, 'data'));
  writeFileSync(join(dir, 'data/f'), 'hello\n');
  writeFileSync(tokenFile, TOKEN, { mode: 0o600 });
  const start = (state: string, ...more: string[]) =>
    startAgent([join(dir, 'data'), '--state-dir', join(dir, state), '--token-file', tokenFile, ...more], FEW);
  const [http, https] = await Promise.all([start('plain', '--access-log', accessLog), start('tls', '--tls-auto')]);
  agents = { http, https };
});

afterEach(() => {
  for (const socket of sockets) socket.destroy();
  sockets = [];
});

afterAll(async () => {
  const ended = await Promise.all(Object.values(agents).map((agent) => agent.stop()));
  expect(ended.map(({ code }) => code)).toEqual([0, 0]);
  remove();
});

interface Client {
  socket: Socket;
  /** All that it has been sent. */
  received(): string;
  /** As far as the kernel knows; or dropped since. */
  connected: Promise<void>;
  closed: Promise<void>;
}

function client(scheme: keyof typeof agents, ...sent: (string | Buffer)[]): Client {
  const port = Number(new URL(agents[scheme].url).port);
  const socket = connect(port, '127.0.0.1');
  sockets.push(socket.on('error', () => {}));
  const chunks: Buffer[] = [];
  socket.on('data', (chunk) => chunks.push(chunk));
  for (const piece of sent) socket.write(piece);
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()));
  const connected = Promise.race([closed, new Promise<void>((resolve) => socket.once('connect', () => resolve()))]);
  return { socket, connected, closed, received: () => Buffer.concat(chunks).toString('latin1') };
}

/** The status of one request with the token on a connection that stays open. */
async function ask(socket: Socket): Promise<string> {
  socket.write(`GET ${P}/status HTTP/1.1\r\n${GOOD}\r\n`);
  const [chunk] = (await once(socket, 'data')) as [Buffer];
  return chunk.toString('latin1').slice(0, 12);
}

function honest(scheme: keyof typeof agents): Socket {
  const port = Number(new URL(agents[scheme].url).port);
  const socket =
    scheme === 'http' ? connect(port, '127.0.0.1') : connectTls({ port, host: '127.0.0.1', rejectUnauthorized: false });
  sockets.push(socket);
  return socket;
}

describe('three hundred of them neither drop a client nor keep one out', () => {
  test.each<[string, keyof typeof agents, (string | Buffer)[]]>([
    ['that only connect', 'http', []],
    ['with half a head', 'http', [`GET ${P}/status HTTP/1.1\r\nHost`]],
    ['with half a body', 'http', [`POST ${P}/digests HTTP/1.1\r\n${WRONG}Content-Length: 1000\r\n\r\n{`]],
    ['with half a handshake', 'https', [HALF_HELLO]],
    ['that only connect, where TLS is spoken', 'https', []],
  ])('%s', async (_, scheme, sent) => {
    const before = honest(scheme);
    expect(await ask(before)).toBe('HTTP/1.1 200');
    const crowd = Array.from({ length: 300 }, () => client(scheme, ...sent));
    await Promise.all(crowd.map(({ connected }) => connected));
    expect(await ask(honest(scheme))).toBe('HTTP/1.1 200');
    expect(await ask(before)).toBe('HTTP/1.1 200');
    while (crowd.filter(({ socket }) => socket.closed).length < crowd.length - PLACES)
      await Promise.race(crowd.filter(({ socket }) => !socket.closed).map(({ closed }) => closed));
  });
});

/** Where a test waits for an end that would come after a minute anyway. */
const SOON_MS = 30_000;

describe('a refusal ends the connection', () => {
  const get = (...fields: string[]) => `GET ${P}/status HTTP/1.1\r\n${fields.join('\r\n')}\r\n\r\n`;
  const right = `Authorization: Bearer ${TOKEN}`;

  test.each<[string, number, string]>([
    ['no token', 401, get('Host: localhost')],
    ['a wrong token', 401, get('Host: localhost', 'Authorization: Bearer not-this-one-at-all')],
    ['a web page', 403, get('Host: localhost', right, 'Origin: http://x')],
    ['another name', 421, get('Host: elsewhere', right)],
  ])(
    '%s',
    async (_, status, request) => {
      const { received, closed } = client('http', request.repeat(3));
      await closed;
      expect(received().match(/HTTP\/1\.1 \d+/g)).toEqual([`HTTP/1.1 ${status}`]);
      expect(received()).toMatch(/^connection: close\r$/im);
      expect(await ask(honest('http'))).toBe('HTTP/1.1 200'); // by now the other has been logged
      expect(readFileSync(accessLog, 'utf8')).toContain(`"status":${status},`);
    },
    SOON_MS,
  );

  test(
    'of one that was good before, too',
    async () => {
      const socket = honest('http');
      expect(await ask(socket)).toBe('HTTP/1.1 200');
      socket.write(get('Host: localhost'));
      expect(String((await once(socket, 'data'))[0])).toMatch(/^HTTP\/1\.1 401 /);
      await once(socket, 'close');
    },
    SOON_MS,
  );

  test(
    'whatever of its body is still to come',
    async () => {
      const post = (...fields: string[]) => `POST ${P}/digests HTTP/1.1\r\n${WRONG}${fields.join('\r\n')}\r\n\r\n`;
      const half = client('http', post('Content-Length: 1000'), '{');
      const endless = client('http', post('Transfer-Encoding: chunked'));
      const waiting = client('http', post('Content-Length: 1000', 'Expect: 100-continue'));
      const chunk = Buffer.concat([Buffer.from('10000\r\n'), Buffer.alloc(1 << 16, 0x20), Buffer.from('\r\n')]);
      const pour = (): void => {
        while (endless.socket.writable && endless.socket.write(chunk));
      };
      endless.socket.on('drain', pour);
      pour();
      await Promise.all([half.closed, endless.closed, waiting.closed]);
      for (const { received } of [half, endless, waiting]) expect(received()).toMatch(/^HTTP\/1\.1 401 /);
    },
    SOON_MS,
  );
});

test('a client with the token is told to go on before it sends a body, and then answered', async () => {
  const head = `POST ${P}/digests HTTP/1.1\r\n${GOOD}Content-Length: 2\r\nExpect: 100-continue\r\n\r\n`;
  const { socket, received } = client('http', head);
  await once(socket, 'data');
  expect(received()).toBe('HTTP/1.1 100 Continue\r\n\r\n');
  socket.write('{}');
  await once(socket, 'data');
  expect(received()).toMatch(/Continue\r\n\r\nHTTP\/1\.1 400 /);
});
