// Checks how long a source is waited for that takes connections and answers nothing.

import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, test } from '@jest/globals';
import { fetchSourceStatus } from '../../src/migration/source-status.js';

test('it is given up after two seconds, also when garbage is collected meanwhile', async () => {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  const sockets: Socket[] = [];
  const server = createServer((socket) => sockets.push(socket)).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  let collecting: NodeJS.Timeout;
  const collectAgain = (): void => {
    collect(); // which may take longer than an interval would wait, so that nothing else came to be done
    collecting = setTimeout(collectAgain, 50);
  };
  collectAgain();
  try {
    const tls = { caCert: undefined, clientCert: undefined, clientKey: undefined, pin: undefined };
    const answer = await fetchSourceStatus({ url, tokenFile: undefined, tls }, new AbortController().signal);
    expect(answer).toEqual({ url: url.origin, error: 'no answer in 2 s' });
  } finally {
    clearTimeout(collecting!);
    for (const socket of sockets) socket.destroy();
    server.close();
  }
}, 60_000);
