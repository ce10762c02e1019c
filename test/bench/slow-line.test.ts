// The slow line: one rate for all connections together, and a count of what went over it.
import { once } from 'node:events';
import { type AddressInfo, connect, createServer } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { afterEach, expect, test } from '@jest/globals';
import { startSlowLine } from './slow-line.js';

const KIB = 1024;
const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (let cleanup = cleanups.pop(); cleanup; cleanup = cleanups.pop()) await cleanup();
});

test('connections share its rate, and every byte of both ways is counted', async () => {
  const answer = Buffer.from(Uint32Array.from({ length: 64 * KIB }, (_, i) => i).buffer);
  const server = createServer((socket) => socket.once('data', () => socket.end(answer))).listen(0, '127.0.0.1');
  await once(server, 'listening');
  cleanups.push(() => server.close());
  const line = await startSlowLine((server.address() as AddressInfo).port, 1024 * KIB);
  cleanups.push(() => line.stop());
  const ask = async (): Promise<Buffer> => {
    const socket = connect(line.port, '127.0.0.1');
    socket.write('a question');
    return buffer(socket);
  };
  const began = performance.now();
  const answers = await Promise.all([ask(), ask()]);
  expect(performance.now() - began).toBeGreaterThanOrEqual(490); // half a MiB in all; a timer may be a little early
  for (const each of answers) expect([each.length, each.equals(answer)]).toEqual([answer.length, true]);
  expect(line.passedBytes()).toBe(2 * (answer.length + 'a question'.length));
});
