// The line that counts: every byte of both ways, also what comes after one of them has ended.

import { once } from 'node:events';
import { type AddressInfo, connect, createServer } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { afterEach, expect, test } from '@jest/globals';
import { startCountingLine } from './counting-line.js';

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (let cleanup = cleanups.pop(); cleanup; cleanup = cleanups.pop()) await cleanup();
});

test('an answer to a question that has ended comes whole, and both are counted', async () => {
  const answer = Buffer.from(Uint32Array.from({ length: 2 ** 20 }, (_, i) => i).buffer);
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    socket.on('data', (question) => socket.write(question)).on('end', () => socket.end(answer));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  cleanups.push(() => server.close());
  const line = await startCountingLine((server.address() as AddressInfo).port);
  cleanups.push(() => line.stop());
  const socket = connect({ port: line.port, host: '127.0.0.1', allowHalfOpen: true });
  socket.end('a question');
  const heard = await buffer(socket);
  expect(heard.equals(Buffer.concat([Buffer.from('a question'), answer]))).toBe(true);
  expect(line.passedBytes()).toBe(2 * 'a question'.length + answer.length);
});
