// Which connection is dropped at the limit: real sockets, low limits.

import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { type Connections, connectionLimits, createConnections } from '../../src/agent/connections.js';

const PLACES = { newcomers: 4, newcomersPerNetwork: 3, known: 2 };

let server: Server;
let connections: Connections;
let warnings: string[] = [];
let clients: Socket[] = [];

beforeEach(() => listen());
afterEach(() => end());

async function listen(newcomerMs?: number): Promise<void> {
  connections = createConnections(PLACES, (text) => warnings.push(text), newcomerMs);
  server = createServer().listen(0, '127.0.0.1');
  server.on('connection', (socket) => connections.accept(socket));
  await once(server, 'listening');
}

function end(): void {
  for (const client of clients) client.destroy();
  server.close();
  clients = [];
  warnings = [];
}

/** A client from 127.0.0.`from`, and its socket at the server, which knows of it by now. */
async function come(from: number): Promise<{ client: Socket; socket: Socket }> {
  const { port } = server.address() as AddressInfo;
  const client = connect({ port, host: '127.0.0.1', localAddress: `127.0.0.${from}` });
  clients.push(client.on('error', () => {}));
  const [socket] = (await once(server, 'connection')) as [Socket];
  return { client, socket };
}

/** By whatever end: a reset is none that events.once takes. */
const gone = ({ client }: { client: Socket }): Promise<void> =>
  new Promise((resolve) => (client.closed ? resolve() : client.once('close', () => resolve())));

test('the oldest newcomer makes room for the next one', async () => {
  const all = [await come(2), await come(3), await come(4), await come(5), await come(6)];
  await gone(all[0]!);
  expect(all.map(({ socket }) => socket.destroyed)).toEqual([true, false, false, false, false]);
  expect(warnings).toEqual([expect.stringMatching(/^more than 4 connections .* the last came from 127\.0\.0\.6$/)]);
});

test('an address at its own limit loses its own oldest newcomer', async () => {
  const all = [await come(2), await come(3), await come(3), await come(3), await come(3)];
  await gone(all[1]!);
  expect(all.map(({ socket }) => socket.destroyed)).toEqual([false, true, false, false, false]);
});

test('a newcomer with an authorized request becomes known, and frees its slot', async () => {
  const first = await come(2);
  expect(connections.begin(first.socket)).toBeDefined();
  const all = [await come(2), await come(2), await come(2), await come(2)];
  expect([first, ...all].map(({ socket }) => socket.destroyed)).toEqual(Array(5).fill(false));
  expect(warnings).toEqual([]);
});

test('of the known clients the one that has been idle longest makes room, and none that is being answered', async () => {
  const [first, second, third, fourth] = [await come(2), await come(2), await come(2), await come(2)];
  const endFirst = connections.begin(first.socket)!;
  connections.begin(second.socket)!();
  endFirst();
  const endThird = connections.begin(third.socket)!;
  await gone(second);
  const endFirstAgain = connections.begin(first.socket)!;
  expect(connections.active()).toBe(2);
  expect(connections.begin(fourth.socket)).toBeUndefined();
  endFirstAgain();
  endThird();
  expect(connections.begin(fourth.socket)).toBeDefined();
  await gone(first);
  expect([third, fourth].map(({ socket }) => socket.destroyed)).toEqual([false, false]);
});

test('a connection that has closed gets no slot, and frees the one it had', async () => {
  const { client, socket } = await come(2);
  client.destroy();
  await once(socket, 'close');
  expect(connections.begin(socket)).toBeUndefined();
  const all = [await come(2), await come(2), await come(2), await come(2)];
  expect(all.map(({ socket }) => socket.destroyed)).toEqual(Array(4).fill(false));
});

test('a newcomer is dropped at its deadline, whatever it sends', async () => {
  end();
  await listen(50);
  const [idle, dripping] = [await come(2), await come(2)];
  const drip = setInterval(() => dripping.client.write('x'), 5);
  await Promise.all([gone(idle), gone(dripping)]);
  clearInterval(drip);
});

test.each([
  [20, { newcomers: 8, newcomersPerNetwork: 4, known: 8 }],
  [256, { newcomers: 64, newcomersPerNetwork: 32, known: 64 }],
  [1024, { newcomers: 256, newcomersPerNetwork: 64, known: 256 }],
  [1_048_576, { newcomers: 512, newcomersPerNetwork: 64, known: 256 }],
])('of %d descriptors no more than half go to connections', (openFiles, limits) => {
  expect(connectionLimits(openFiles)).toEqual(limits);
});
