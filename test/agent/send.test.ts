// Replies written to real sockets: whole, cut off, refused by a client that does not read.

import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { afterEach, describe, expect, test } from '@jest/globals';
import { createGate } from '../../src/agent/gate.js';
import { keepAlive } from '../../src/agent/keep-alive.js';
import { errorReply, jsonReply, type Reply } from '../../src/agent/reply.js';
import { send } from '../../src/agent/send.js';
import { createPace, createPacer, setLimit } from '../../src/pace/rate.js';

let server: Server | undefined;
const clients: Socket[] = [];

afterEach(() => {
  server?.close();
  server?.closeAllConnections();
  server = undefined;
  for (const client of clients.splice(0)) client.destroy(); // one that reads nothing never sees the end
});

/** A client's socket, and how sending this reply to it ends. */
async function answering(
  reply: Reply,
  { pacer = createPacer(), ...options }: Partial<Parameters<typeof send>[2]> = {},
): Promise<{ socket: Socket; sent: Promise<number> }> {
  let settle: (sent: Promise<number>) => void = () => {};
  const sent = new Promise<number>((resolve) => {
    settle = resolve;
  });
  server = createServer((_, response) => {
    const gone = new AbortController();
    response.once('close', () => gone.abort(new Error('gone')));
    settle(send(reply, response, { head: false, pacer, signal: gone.signal, ...options }));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
  clients.push(socket);
  socket.on('error', () => {});
  socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
  sent.catch(() => {});
  return { socket, sent };
}

/** All that the client gets behind the head, where the sender is to count `bytes` of it. */
async function bodyOf({ socket, sent }: { socket: Socket; sent: Promise<number> }, bytes: number): Promise<Buffer> {
  const got: Buffer[] = [];
  socket.on('data', (chunk) => got.push(chunk));
  expect(await sent).toBe(bytes);
  socket.end();
  await once(socket, 'close');
  const whole = Buffer.concat(got);
  return whole.subarray(whole.indexOf('\r\n\r\n') + 4);
}

const chunksReply = (chunks: AsyncIterable<Uint8Array>): Reply => ({ status: 200, headers: {}, body: chunks });

describe('send', () => {
  test('a chunk is requested only when the one before it has been written', async () => {
    const buffer = Buffer.alloc(1 << 20);
    async function* reusing() {
      for (let i = 1; i <= 20; i++) yield buffer.fill(i);
    }
    const { socket, sent } = await answering({
      ...chunksReply(reusing()),
      headers: { 'content-length': 20 << 20 },
    });
    const body = await bodyOf({ socket, sent }, 20 << 20);
    for (let i = 1; i <= 20; i++) expect(body.subarray((i - 1) << 20, i << 20).equals(buffer.fill(i))).toBe(true);
  });

  test('a limit that changes in the middle of a chunk leaves out no byte of it, and sends none twice', async () => {
    const bytes = Buffer.from(Array.from({ length: 1 << 20 }, (_, i) => (i >> 12) & 0xff));
    async function* single() {
      yield bytes;
    }
    const pace = createPace(4 << 20);
    let pieces = 0;
    const { socket, sent } = await answering(
      { ...chunksReply(single()), headers: { 'content-length': 1 << 20 } },
      { pacer: createPacer([pace]), sent: () => setLimit(pace, (pieces++ % 2 === 0 ? 2 : 8) << 20) },
    );
    expect((await bodyOf({ socket, sent }, 1 << 20)).equals(bytes)).toBe(true);
    expect(pieces).toBeGreaterThan(1);
  });

  test('a body that fails breaks the connection', async () => {
    async function* failing() {
      yield Buffer.alloc(10);
      throw new Error('disk');
    }
    const { socket, sent } = await answering(chunksReply(failing()));
    await expect(sent).rejects.toThrow('disk');
    let text = '';
    socket.on('data', (chunk) => {
      text += chunk;
    });
    await once(socket, 'close');
    expect(text).not.toMatch(/0\r\n\r\n$/); // the mark of a whole chunked body
  });

  test.each([
    ['goes away', (socket: Socket) => socket.destroy(), 60_000],
    ['does not read', () => {}, 300],
  ])('a client that %s ends it, and the source of the chunks is closed', async (_, then, stalledMs) => {
    let closed = false;
    async function* endless() {
      try {
        for (;;) yield Buffer.alloc(1 << 20);
      } finally {
        closed = true;
      }
    }
    const { socket, sent } = await answering(chunksReply(endless()), { stalledMs });
    await once(socket, 'data');
    socket.pause();
    then(socket);
    await expect(sent).rejects.toThrow();
    expect(closed).toBe(true);
  });
});

describe('keepAlive', () => {
  async function* slow(release: Promise<void>) {
    yield Buffer.from('a\n');
    await release;
    yield Buffer.from('b\n');
  }

  test('sends its own line while its source is silent, and only then', async () => {
    let release = (): void => {};
    const silence = new Promise<void>((resolve) => {
      release = resolve;
    });
    let asides = 0;
    const line = (): string => {
      if (++asides === 3) release();
      return `${asides}\n`;
    };
    let text = '';
    for await (const chunk of keepAlive(slow(silence), line, 10)) text += Buffer.from(chunk).toString();
    expect(text).toMatch(/^a\n1\n2\n3\n(?:4\n)?b\n$/);
  });

  test('passes failures on', async () => {
    const failing = keepAlive(slow(Promise.reject(new Error('disk'))), () => '');
    await failing.next();
    await expect(failing.next()).rejects.toThrow('disk');
  });
});

describe('createGate', () => {
  test('keeps a slot until its reply is done, and none after a failure', async () => {
    const gate = createGate(1);
    await expect(gate(() => Promise.reject(new Error('no')))).rejects.toThrow('no');
    let freed = 0;
    const first = await gate(() => ({ ...jsonReply(200, {}), done: () => void freed++ }));
    expect((await gate(() => errorReply(404, ''))).status).toBe(503);
    first.done?.();
    expect(freed).toBe(1);
    expect((await gate(() => errorReply(404, ''))).status).toBe(404);
  });
});
