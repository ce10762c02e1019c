import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from '@jest/globals';
import { createPacer } from '../../src/pace/rate.js';
import { Connection } from '../../src/source/connection.js';

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
  running.connection = new Connection({ host: '127.0.0.1', port }, Buffer.alloc(65536), createPacer());
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

test('over TLS, an answer is read behind the one before it in the buffer, not in its place', async () => {
  const tls = makeCertificate();
  let served = 0;
  const server = createTlsServer(tls, (_, response) => {
    response.writeHead(200, { 'content-length': 1 }).end(`${served++}`);
  });
  running.server = server;
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const origin = { host: '127.0.0.1', port: (server.address() as AddressInfo).port, tls: { ca: tls.cert } };
  running.connection = new Connection(origin, Buffer.alloc(256 << 10), createPacer());
  const answers: string[] = [];
  for (let i = 0; i < 5; i++) answers.push(await get(running.connection));
  expect(answers).toEqual(['0', '1', '2', '3', '4']);
});

function makeCertificate(): { cert: string; key: string } {
  const dir = mkdtempSync(join(tmpdir(), 'lm-test-connection-'));
  try {
    const [cert, key] = [join(dir, 'cert.pem'), join(dir, 'key.pem')];
    const request = [
      'req',
      '-x509',
      '-newkey',
      'ec',
      '-pkeyopt',
      'ec_paramgen_curve:prime256v1',
      '-nodes',
      '-days',
      '2',
    ];
    const subject = ['-subj', '/CN=test', '-addext', 'subjectAltName=IP:127.0.0.1'];
    execFileSync('openssl', [...request, ...subject, '-keyout', key, '-out', cert], { stdio: 'pipe' });
    return { cert: readFileSync(cert, 'utf8'), key: readFileSync(key, 'utf8') };
  } finally {
    rmSync(dir, { recursive: true });
  }
}

test('closing rejects what is under way', async () => {
  const connection = await connectionTo(() => {}); // never answers
  const answer = get(connection);
  connection.close();
  await expect(answer).rejects.toMatchObject({ code: 'ECONNRESET' });
});
