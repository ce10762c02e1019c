// The conformance vectors of the Sidecar's protocol that concern a source, against the running agent.

import { once } from 'node:events';
import { mkdirSync, readFileSync, symlinkSync, truncateSync, utimesSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { P, type RunningAgent, scratch, serveAndEnd, startAgent } from './running-agent.js';

const { dir, remove } = scratch();
const data = join(dir, 'data');
const commitlog = join(dir, 'commitlog');
const table = join(data, 'ks/t-0a1b');
const TABLE = `${P}/files/data/0/ks/t-0a1b`;
const DATA_DB = `${TABLE}/nb-1-big-Data.db`;
let agent: RunningAgent;

function put(path: string, content: string, mtimeMs = 0): void {
  writeFileSync(path, content);
  utimesSync(path, mtimeMs / 1000, mtimeMs / 1000 + 5e-7);
}

const flags = (state: string): string[] => [
  ...['--root', `data=${data}`, '--root', `commitlog=${commitlog}`],
  ...['--state-dir', join(dir, state)],
];

beforeAll(async () => {
  mkdirSync(join(table, 'snapshots/s1'), { recursive: true });
  mkdirSync(commitlog);
  const log = join(commitlog, 'CommitLog-7-1731000000000.log');
  put(log, '');
  truncateSync(log, 33_554_432);
  utimesSync(log, 0, 1731000000.1239);
  put(join(table, 'nb-1-big-Data.db'), 'hello\n', 1731000001456);
  put(join(table, 'empty'), '', 1731000001457);
  put(join(table, 'snapshots/s1/f'), 'x');
  for (const path of [table, join(data, 'ks')]) utimesSync(path, 0, 1731000001);
  agent = await startAgent(flags('state'));
});

afterAll(async () => {
  await agent?.stop();
  remove();
});

const error = (status: string, code: number, message: unknown) => ({ status, code, message });

/** Status and document of a JSON answer. */
async function json(target: string, options = {}): Promise<[number, unknown]> {
  const { status, text, headers } = await agent.ask(target, options);
  expect(headers['content-type']).toBe('application/json');
  expect(headers['content-length']).toBe(`${Buffer.byteLength(text)}`);
  return [status, JSON.parse(text)];
}

describe('listing', () => {
  test('V1 files and directories', async () => {
    const info = (tail: string, size: number, lastModifiedTime: number) => ({
      fileUrl: `${P}/files/${tail}`,
      size,
      fileType: size < 0 ? 'DIRECTORY' : 'FILE',
      lastModifiedTime,
    });
    expect(await json(`${P}/files`)).toEqual([
      200,
      {
        files: [
          info('commitlog/0/CommitLog-7-1731000000000.log', 33554432, 1731000000123),
          info('data/0/ks', -1, 1731000001000),
          info('data/0/ks/t-0a1b', -1, 1731000001000),
          info('data/0/ks/t-0a1b/empty', 0, 1731000001457),
          info('data/0/ks/t-0a1b/nb-1-big-Data.db', 6, 1731000001456),
        ],
        totalSize: 33554438,
      },
    ]);
  });

  test('V3 nothing to offer', async () => {
    mkdirSync(join(dir, 'bare'));
    const bare = await startAgent([join(dir, 'bare'), '--state-dir', join(dir, 'state-bare')]);
    try {
      expect((await bare.ask(`${P}/files`)).text).toBe('{"files":[],"totalSize":0}');
    } finally {
      await bare.stop();
    }
  });
});

test('V2 a host that is not in the map does not serve at all', async () => {
  const config = join(dir, 'lm.yaml');
  writeFileSync(config, 'live_migration:\n  migration_map:\n    10.0.0.1: 10.0.0.2\n');
  const { code, stderr } = await serveAndEnd([...flags('state-role'), '--config', config, '--host', '10.0.0.9']);
  expect(stderr).toContain('lm serve: ');
  expect(code).toBe(6);
});

test.each([
  ['POST', 'data-copy-tasks'],
  ['GET', 'data-copy-tasks'],
  ['GET', 'data-copy-tasks/5b6c3e10-9f5e-11ef-8a3c-0242ac120002'],
  ['PATCH', 'data-copy-tasks/5b6c3e10-9f5e-11ef-8a3c-0242ac120002'],
  ['POST', 'files-verification-tasks'],
  ['GET', 'files-verification-tasks'],
  ['GET', 'files-verification-tasks/5b6c3e10-9f5e-11ef-8a3c-0242ac120002'],
  ['PATCH', 'files-verification-tasks/5b6c3e10-9f5e-11ef-8a3c-0242ac120002'],
])('V19 to V26 are of a destination: at a source %s %s is not found', async (method, tail) =>
  expect(await json(`${P}/${tail}`, { method })).toEqual([404, { status: 'Not Found' }]),
);

describe('streams', () => {
  test('V4 a whole file', async () => {
    const { status, headers, text } = await agent.ask(DATA_DB);
    expect([status, text]).toEqual([200, 'hello\n']);
    expect(headers).toMatchObject({
      'accept-ranges': 'bytes',
      'content-length': '6',
      'content-type': 'application/octet-stream',
    });
  });

  test('V5 a sub-range, with the right total where the Sidecar gives the length of the range', async () => {
    const { status, headers, text } = await agent.ask(DATA_DB, { headers: { range: 'bytes=1-3' } });
    expect([status, text]).toEqual([206, 'ell']);
    expect(headers).toMatchObject({ 'content-range': 'bytes 1-3/6', 'content-length': '3' });
  });

  test.each(['bytes=0-5', 'bytes=0-', 'bytes=-99', 'bytes=0-999'])('V6 a range over all of it: %s', async (range) => {
    const { status, headers, text } = await agent.ask(DATA_DB, { headers: { range } });
    expect([status, text]).toEqual([200, 'hello\n']);
    expect(headers['content-range']).toBeUndefined();
  });

  test.each([
    ['bytes=6-', 'Range does not overlap'],
    ['bytes=10-20', 'Range does not overlap'],
    ['bytes=3-1', expect.any(String)],
    ['bytes=-0', expect.any(String)],
    ['bytes=0-1,3-4', expect.any(String)],
    ['items=0-1', expect.any(String)],
  ])('V7 no range to satisfy: %s', async (range, message) =>
    expect(await json(DATA_DB, { headers: { range } })).toEqual([
      416,
      error('Requested Range Not Satisfiable', 416, message),
    ]),
  );

  test('V8 an empty file', async () =>
    expect(await json(`${TABLE}/empty`)).toEqual([
      416,
      error('Requested Range Not Satisfiable', 416, 'The requested file is empty'),
    ]));

  test('V9 a missing file', async () =>
    expect(await json(`${TABLE}/nope`)).toEqual([404, error('Not Found', 404, 'File not found')]));

  test.each(['ks', '', 'ks/t-0a1b/'])('V10 a directory: data/0/%s', async (tail) =>
    expect(await json(`${P}/files/data/0/${tail}`)).toEqual([
      400,
      error('Bad Request', 400, 'Cannot transfer directory'),
    ]),
  );

  test.each([
    ['logs/0/x', 400, 'Invalid directory type: logs'],
    ['data/-1/x', 400, 'Invalid directoryIndex: -1'],
    ['data/x/x', 400, 'Invalid directoryIndex: x'],
    ['data/2147483648/x', 400, 'Invalid directoryIndex: 2147483648'],
    ['data/0/a%zz', 400, 'Malformed request path'],
    ['data/9/x', 404, `File url ${P}/files/data/9/x is unknown.`],
    ['cdc_raw/0/x', 404, `File url ${P}/files/cdc_raw/0/x is unknown.`],
  ])('V11 a path that leads to no file: %s', async (tail, code, message) =>
    expect(await json(`${P}/files/${tail}`)).toEqual([
      code,
      error(code === 400 ? 'Bad Request' : 'Not Found', code, message),
    ]),
  );

  describe('V12 what leads out', () => {
    test.each([
      ['data/0/../ks/f', 400],
      ['data/0/%2E%2E/ks/f', 400],
      ['data/0/ks/..', 400],
      ['data/0/..', 404],
      ['data/0/../../../../../../etc/passwd', 404],
      ['data/0/%252E%252E/x', 404],
      ['data/0/..%2Fx', 404],
    ])('%s', async (tail, code) => expect((await agent.ask(`${P}/files/${tail}`)).status).toBe(code));

    test('an excluded file', async () =>
      expect(await json(`${TABLE}/snapshots/s1/f`)).toEqual([
        404,
        error('Not Found', 404, 'Requested path is excluded from live migration'),
      ]));

    test('links: out of the base 403, within it the target', async () => {
      writeFileSync(join(dir, 'secret'), 'secret');
      symlinkSync('../../../secret', join(table, 'out'));
      symlinkSync(dir, join(data, 'up'));
      symlinkSync('ks/t-0a1b', join(data, 'in'));
      const escapes = [403, error('Forbidden', 403, 'Resolved path escapes base directory')];
      expect(await json(`${TABLE}/out`)).toEqual(escapes);
      expect(await json(`${P}/files/data/0/up/secret`)).toEqual(escapes);
      expect((await agent.ask(`${P}/files/data/0/in/nb-1-big-Data.db`)).text).toBe('hello\n');
    });
  });

  test('V13 a name with a plus is requested raw', async () => {
    const name = 'nb-1-big-SAI+aa+GroupComplete.db';
    put(join(table, name), 'sai');
    expect((await agent.ask(`${TABLE}/${name}`)).text).toBe('sai');
    expect((await agent.ask(`${TABLE}/${name.replaceAll('+', '%2B')}`)).status).toBe(404);
  });

  test('V14 one request beyond the cap gets a 503, and is let in when a slot is free', async () => {
    const capped = await startAgent([...flags('state-cap'), '--max-concurrent-file-requests', '1']);
    const socket = connect(capped.port, '127.0.0.1');
    try {
      // A request keeps its slot until it has been answered; this one cannot be, before its body has come.
      socket.write(`POST ${P}/fetch HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: 99\r\n\r\n`);
      expect(String(await once(socket, 'data'))).toContain('100 Continue');
      const busy = await capped.ask(DATA_DB);
      expect([busy.status, busy.headers['retry-after']]).toEqual([503, '1']);
      const message = 'Server is busy processing live migration file requests, please try again later';
      expect(JSON.parse(busy.text)).toEqual(error('Service Unavailable', 503, message));
      expect((await capped.ask(`${DATA_DB}?digestAlgorithm=md5`)).status).toBe(503);
      expect((await capped.ask(`${P}/digests`, { method: 'POST' })).status).toBe(503);
      expect((await capped.ask(`${P}/files`)).status).toBe(200);
      socket.write('x'.repeat(99));
      expect(String(await once(socket, 'data'))).toContain('400 Bad Request');
      expect((await capped.ask(DATA_DB)).status).toBe(200);
      expect((await capped.ask(`${TABLE}/nope`)).status).toBe(404);
      expect((await capped.ask(DATA_DB)).status).toBe(200);
    } finally {
      socket.destroy();
      await capped.stop();
    }
  });
});

describe('digests', () => {
  test.each([
    ['V15', 'nb-1-big-Data.db', 'md5', 'sZRqySSS0jR8YjW00mERhA=='],
    ['V16', 'nb-1-big-Data.db', 'XXHash32', '946b5bf9'],
    ['V17', 'empty', 'xxhash32', '2cc5d05'],
    ['V17', 'empty', 'MD5', '1B2M2Y8AsgTpgAmY7PhCfg=='],
  ])('%s %s by %s', async (_, name, digestAlgorithm, digest) =>
    expect(await json(`${TABLE}/${name}?digestAlgorithm=${digestAlgorithm}`)).toEqual([
      200,
      { digest, digestAlgorithm },
    ]),
  );

  test.each([
    ['sha256', 'Unsupported digest algorithm sha256'],
    ['', 'Digest algorithm name cannot be null or empty'],
    ['%20', 'Digest algorithm name cannot be null or empty'],
  ])('V18 no algorithm: "%s"', async (name, message) =>
    expect(await json(`${DATA_DB}?digestAlgorithm=${name}`)).toEqual([400, error('Bad Request', 400, message)]),
  );

  test.each([
    ['hello', '5d41402abc4b2a76b9719d911017c592', 'fb0077f9'],
    ['abc', '900150983cd24fb0d6963f7d28e17f72', '32d153ff'],
    ['\0'.repeat(1 << 20), 'b6d81b360a5672d80c27430f39153e2c', '9430f97f'],
    ['cassandra-12\n', '030ebed69c44f622d5f2dae5163a1894', 'a010198'],
    ['cassandra-70\n', '9012c68fe8766d56f5421dd84b7f975a', 'e4cd5a'],
    ['cassandra-640\n', '9d9fcf4fa3652216c5092ce8c892d735', '70f8c'],
  ])('of known content, row %#', async (content, md5Hex, xxhash32) => {
    put(join(data, 'digested'), content);
    const target = `${P}/files/data/0/digested?digestAlgorithm=`;
    const md5 = Buffer.from(md5Hex, 'hex').toString('base64');
    expect(await json(`${target}MD5`)).toEqual([200, { digest: md5, digestAlgorithm: 'MD5' }]);
    expect(await json(`${target}xxhash32`)).toEqual([200, { digest: xxhash32, digestAlgorithm: 'xxhash32' }]);
  });
});

describe('V27 status', () => {
  const STATUS = `${P}/status`;

  test('while the pair is mapped, completion is one-way and stops all files', async () => {
    const config = join(dir, 'mapped.yaml');
    writeFileSync(config, 'live_migration:\n  migration_map:\n    10.0.0.1: 10.0.0.2\n');
    const mapped = await startAgent([...flags('state-27'), '--config', config, '--host', '10.0.0.1']);
    const ask = async (method: string, target = STATUS): Promise<[number, unknown]> => {
      const { status, text } = await mapped.ask(target, { method });
      return [status, JSON.parse(text)];
    };
    const guard = { status: 'Bad Request' };
    try {
      expect(await ask('GET')).toEqual([200, { state: 'NOT_COMPLETED', endTime: null }]);
      expect((await ask('GET', DATA_DB.replace('Data.db', 'x')))[0]).toBe(404);
      const before = Date.now();
      const completed = await ask('POST');
      expect(completed).toEqual([200, { state: 'COMPLETED', endTime: expect.any(Number) }]);
      expect((completed[1] as { endTime: number }).endTime).toBeGreaterThanOrEqual(before);
      expect(await ask('GET')).toEqual(completed);
      const earlier = 'Live migration marked as COMPLETED earlier.';
      expect(await ask('POST')).toEqual([400, error('Bad Request', 400, earlier)]);
      expect(await ask('GET', DATA_DB)).toEqual([400, guard]);
      expect(await ask('GET', `${DATA_DB}?digestAlgorithm=md5`)).toEqual([400, guard]);
      expect(await ask('POST', `${P}/fetch`)).toEqual([400, guard]);
      expect(await ask('POST', `${P}/digests`)).toEqual([400, guard]);
      expect((await ask('GET', `${P}/files`))[0]).toBe(200);
      expect(await ask('DELETE')).toEqual([403, { status: 'Forbidden' }]);
    } finally {
      await mapped.stop();
    }
  });

  test('out of the map it is cleared, once, with a warning', async () => {
    const log = join(dir, 'log-27b');
    const free = await startAgent([...flags('state-27b'), '--access-log', log]);
    try {
      expect((await free.ask(STATUS, { method: 'DELETE' })).status).toBe(400);
      expect((await free.ask(STATUS, { method: 'POST' })).status).toBe(200);
      const { status, text } = await free.ask(STATUS, { method: 'DELETE' });
      expect([status, text]).toEqual([200, '{"status":"OK"}']);
      expect((await free.ask(STATUS)).text).toBe('{"state":"NOT_COMPLETED","endTime":null}');
      expect((await free.ask(DATA_DB)).status).toBe(200);
      expect((await free.ask(STATUS)).headers['lm-reopened']).toMatch(/^2\d{3}-.*Z by 127\.0\.0\.1$/);
    } finally {
      await free.stop();
    }
    expect(free.stderr().trimEnd().split('\n')).toEqual([
      expect.stringMatching(/^warning: 127\.0\.0\.1 completed this source over HTTP at 2\d{3}-.*Z: /),
      expect.stringMatching(/^warning: 127\.0\.0\.1 reopened this source over HTTP at 2\d{3}-.*Z: complete since 2/),
    ]);
    const changes = readFileSync(log, 'utf8')
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line))
      .filter(({ method, status }) => method !== 'GET' && status === 200);
    expect(changes).toMatchObject(
      ['POST', 'DELETE'].map((method) => ({ remote: '127.0.0.1', method, target: STATUS })),
    );
  });
});
