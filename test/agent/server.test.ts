// The server by itself, with answers of the test's own.

import { afterEach, expect, test } from '@jest/globals';
import { jsonReply, type Reply } from '../../src/agent/reply.js';
import { type RunningServer, type ServedRequest, startServer } from '../../src/agent/server.js';
import { createPacer } from '../../src/wire/rate.js';

let server: RunningServer | undefined;
const served: ServedRequest[] = [];
const warnings: string[] = [];

afterEach(async () => {
  await server?.drain(0);
  served.length = warnings.length = 0;
});

async function answering(answer: () => Reply | Promise<Reply>): Promise<RunningServer> {
  server = await startServer({
    listen: { host: '127.0.0.1', port: 0 },
    tls: undefined,
    pacer: createPacer(undefined),
    answer: async () => answer(),
    served: (request) => served.push(request),
    warn: (text) => warnings.push(text),
  });
  return server;
}

test('a file that cannot be closed is told, and the next request is answered', async () => {
  const { url } = await answering(() => ({
    ...jsonReply(200, {}),
    done() {
      throw Object.assign(new Error('i/o error'), { code: 'EIO' });
    },
  }));
  for (let i = 0; i < 2; i++) expect(await (await fetch(new URL('/f', url))).text()).toBe('{}');
  expect(warnings).toEqual(Array(2).fill('cannot close what was sent for /f: EIO'));
});

test('a request that was cut off has been told of when all have ended', async () => {
  let answer: () => Promise<Reply>;
  const asked = new Promise<(reply: Reply) => void>((hear) => {
    answer = () => new Promise((resolve) => hear(resolve));
  });
  const { url, drain, ended } = await answering(() => answer());
  const response = fetch(new URL('/f', url));
  const give = await asked;
  expect(await drain(0)).toBe(1);
  await expect(response).rejects.toThrow();
  expect(served).toEqual([]);
  give(jsonReply(200, {}));
  await ended();
  expect(served).toMatchObject([{ target: '/f', status: 200 }]);
});
