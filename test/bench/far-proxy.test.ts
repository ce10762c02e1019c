// The long way: how long it takes, how much it lets through, and that nothing is lost on it.
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { afterEach, expect, test } from '@jest/globals';
import { startFarProxy } from './far-proxy.js';

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (let cleanup = cleanups.pop(); cleanup; cleanup = cleanups.pop()) await cleanup();
});

async function far(
  serve: (socket: Socket) => void,
  distance: { delayMs: number; windowBytes?: number },
): Promise<Socket> {
  const server: Server = createServer(serve).listen(0, '127.0.0.1');
  await once(server, 'listening');
  cleanups.push(() => server.close());
  const proxy = await startFarProxy((server.address() as AddressInfo).port, distance);
  cleanups.push(() => proxy.stop());
  const socket = connect(proxy.port, '127.0.0.1');
  cleanups.push(() => socket.destroy());
  return socket;
}

test('a first answer takes two round trips, each further one a single one', async () => {
  const socket = await far((peer) => peer.pipe(peer), { delayMs: 20 });
  const ask = async () => {
    const began = performance.now();
    socket.write('x');
    await once(socket, 'data');
    return performance.now() - began;
  };
  expect(await ask()).toBeGreaterThanOrEqual(79);
  expect(await ask()).toBeGreaterThanOrEqual(39);
});

test('who is called and speaks first is heard after two round trips', async () => {
  const began = performance.now();
  const socket = await far((peer) => peer.write('hello'), { delayMs: 20 });
  await once(socket, 'data');
  expect(performance.now() - began).toBeGreaterThanOrEqual(79);
});

test('a window fills once in a round trip, growing from ten segments', async () => {
  const bytes = Buffer.from(Uint32Array.from({ length: 384 * 1024 }, (_, i) => i).buffer);
  const socket = await far((peer) => peer.end(bytes), { delayMs: 20, windowBytes: 256 * 1024 });
  const began = performance.now();
  const chunks: Buffer[] = [];
  for await (const chunk of socket) chunks.push(chunk);
  // Five round trips carry 14, 28, 57, 113 and 226 KiB; the other 1.1 MiB take five of 256 KiB, the last of which is not awaited.
  expect(performance.now() - began).toBeGreaterThanOrEqual(10 * 40);
  expect(Buffer.concat(chunks).equals(bytes)).toBe(true);
});

test('what the window has not taken yet when its sender is gone still arrives', async () => {
  const bytes = Buffer.alloc(50 * 1024, 'x'); // read at once, while the first window takes 14 KiB
  const socket = await far((peer) => peer.end(bytes), { delayMs: 20 });
  socket.end();
  const chunks: Buffer[] = [];
  for await (const chunk of socket) chunks.push(chunk);
  expect(Buffer.concat(chunks)).toHaveLength(bytes.length);
});
