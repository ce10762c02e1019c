import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, test } from '@jest/globals';
import { Connection } from '../../src/pull/connection.js';
import { createPacer } from '../../src/wire/rate.js';

const running: { server?: Server; connection?: Connection } = {};

afterEach(async () => {
  running.connection?.close();
  await new Promise((resolve) => running.server?.close(resolve));
});

async function connectionTo(answer: Parameters<typeof createServer>[1]): Promise<Connection> {
  const server = createServer(answer);
  running.server = server;
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  running.connection = new Connection({ host: '127.0.0.1', port }, Buffer.alloc(65536), createPacer(undefined));
  return running.connection;
}

async function get(connection: Connection): Promise<string> {
  let text = '';
  const body = (chunk: Uint8Array): void => {
    text += Buffer.from(chunk).toString();
  };
  await connection.request({ method: 'GET', target: '/' }, { head() {}, body, end() {} });
  return text;
}

describe('a request that follows another at once', () => {
  test('is not broken off by the end of a connection that the source closed after its answer', async () => {
    let served = 0;
    const connection = await connectionTo((_, response) => {
      response.writeHead(200, { connection: 'close', 'content-length': 1 }).end(`${served++}`);
    });
    const answers: string[] = [];
    for (let i = 0; i < 5; i++) answers.push(await get(connection));
    expect(answers).toEqual(['0', '1', '2', '3', '4']);
  });

  test('is not broken off by the end of a connection that was given up because of its answer', async () => {
    const connection = await connectionTo((_, response) => {
      response.writeHead(200, { 'content-length': 2 }).end('ok');
    });
    const giveUp = (): never => {
      throw new Error('not this one');
    };
    await expect(
      connection.request({ method: 'GET', target: '/' }, { head: giveUp, body() {}, end() {} }),
    ).rejects.toThrow('not this one');
    await expect(get(connection)).resolves.toBe('ok');
  });
});

test('closing rejects what is under way', async () => {
  const connection = await connectionTo(() => {}); // never answers
  const answer = get(connection);
  connection.close();
  await expect(answer).rejects.toMatchObject({ code: 'ECONNRESET' });
});
