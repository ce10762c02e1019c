import { execFileSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { type AddressInfo, createServer as createTcpServer, type Server as TcpServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import type { ListedFile } from '../../src/digest/listed-file.js';
import { LmError } from '../../src/errors.js';
import type { Event } from '../../src/events.js';
import { connectSource } from '../../src/source/connect-source.js';
import { RETRY_POLICY } from '../../src/source/retry.js';
import type { Source, SourceDigest } from '../../src/source/source.js';
import { sealListing, sealUp } from '../support/seal-up.js';

const spool = mkdtempSync(join(tmpdir(), 'lm-source-'));
afterAll(() => rmSync(spool, { recursive: true }));

const P = '/api/v1/live-migration';
const JSON_TYPE = { 'content-type': 'application/json' };
const NDJSON = { 'content-type': 'application/x-ndjson' };
const NOT_COMPLETED = '{"state":"NOT_COMPLETED","endTime":null}';

type Reply = (request: IncomingMessage, response: ServerResponse) => void;
const reply =
  (status: number, body: string | Buffer = '', headers: Record<string, string> = JSON_TYPE): Reply =>
  (_, response) =>
    response.writeHead(status, headers).end(body);
const cut: Reply = (request) => request.socket.destroy();

const servers: Server[] = [];
const sources: Source[] = [];
afterEach(async () => {
  await Promise.all(sources.splice(0).map((source) => source.close()));
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    server.close();
  }
});

/** A source that gives each target its replies in turn, the last one for ever. */
async function serve(replies: Record<string, Reply[]>): Promise<{ url: string; requests: string[] }> {
  const requests: string[] = [];
  const listener: RequestListener = (request, response) => {
    requests.push(`${request.method} ${request.url}`);
    const left = replies[request.url!];
    const next = left && left.length > 1 ? left.shift() : left?.[0];
    (next ?? reply(404, '{"status":"Not Found"}'))(request, response);
  };
  const server = createServer(listener);
  servers.push(server);
  return { url: await listen(server), requests };
}

async function listen(server: TcpServer): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const live = new AbortController().signal;
const events: Event[] = [];
const emit = (event: Event): void => void events.push(event);
const ROOTS = [{ key: 'data/0', type: 'data', index: 0, path: '/d' }] as const;

/** The waits of the usual policy, a hundred times as short. */
const QUICK = { ...RETRY_POLICY, firstWaitMs: 5, lostMs: 1_000, busyWaitMs: { min: 1, default: 10 } };

async function connect(url: string, more: object = {}): Promise<Source> {
  const source = await connectSource({ url, roots: ROOTS, spool, emit, policy: QUICK, signal: live, ...more });
  sources.push(source);
  return source;
}

const AGENT = { ...JSON_TYPE, 'lm-agent': '1', 'lm-max-concurrent-file-requests': '7' };
const agentStatus = { [`${P}/status`]: [reply(200, NOT_COMPLETED, AGENT)] };
const sidecarStatus = { [`${P}/status`]: [reply(200, NOT_COMPLETED)] };

describe('connecting', () => {
  test('an agent makes itself known, and how much it takes at once', async () => {
    const { url } = await serve(agentStatus);
    const source = await connect(url);
    expect(source).toMatchObject({
      kind: 'lm',
      url,
      maxConcurrentFileRequests: 7,
      firstStatus: { state: 'NOT_COMPLETED' },
    });
  });

  test('anything else with a status is a Sidecar', async () => {
    const { url } = await serve({ [`${P}/status`]: [reply(200, '{"state":"COMPLETED","endTime":1731000900000}', {})] });
    const source = await connect(url);
    expect(source).toMatchObject({
      kind: 'sidecar',
      algorithms: ['xxhash32', 'md5'],
      firstStatus: { state: 'COMPLETED' },
    });
    expect(source.maxConcurrentFileRequests).toBeUndefined();
  });

  test('the token goes with every request', async () => {
    const tokens: unknown[] = [];
    const { url } = await serve({
      [`${P}/status`]: [
        (request, response) => {
          tokens.push(request.headers.authorization);
          reply(200, NOT_COMPLETED)(request, response);
        },
      ],
    });
    await (await connect(url, { token: 's3cret' })).status(live);
    expect(tokens).toEqual(['Bearer s3cret', 'Bearer s3cret']);
  });

  const HTML = { 'content-type': 'text/html', server: 'nginx' };
  test.each<[string, Reply, string, RegExp]>([
    ['a host that is no source', reply(404, '{"status":"Not Found"}'), 'not-an-agent', /live migration is not enabled/],
    ['a missing token', reply(401), 'access-denied', /wants a token/],
    [
      'a redirect',
      reply(302, '', { location: 'http://elsewhere/' }),
      'not-an-agent',
      /redirects, which is never followed/,
    ],
    [
      'a page of something else',
      reply(200, '<html>hello</html>', HTML),
      'not-an-agent',
      /neither an lm agent nor a Sidecar: the status was answered by nginx with text\/html/,
    ],
    [
      'a page longer than anybody reads',
      reply(200, `<html>${'-'.repeat(300_000)}`, HTML),
      'not-an-agent',
      /text\/html/,
    ],
    ['an error longer than anybody reads', reply(400, '-'.repeat(300_000)), 'protocol', /refused a request/],
    ['another state', reply(200, '{"state":"MAYBE"}'), 'protocol', /the status has an unexpected state/],
    [
      'another version',
      reply(200, NOT_COMPLETED, { ...AGENT, 'lm-agent': '2' }),
      'other-version',
      /version 2 of the native protocol/,
    ],
  ])('%s ends it', async (_, answer, kind, message) => {
    const { url, requests } = await serve({ [`${P}/status`]: [answer] });
    await expect(connect(url)).rejects.toMatchObject({
      ...{ code: 'protocol', kind },
      message: expect.stringMatching(message),
    });
    expect(requests).toHaveLength(1);
  });

  test.each(['ftp://h', 'http://h/path', 'h:9043', 'http://u:p@h'])('%s is not the URL of a source', async (url) => {
    await expect(connect(url)).rejects.toMatchObject({ code: 'usage' });
  });

  test('what is not HTTP is named so', async () => {
    const ssh = createTcpServer((socket) =>
      socket
        .on('error', () => {})
        .resume()
        .end('SSH-2.0-OpenSSH_9.9\r\n'),
    );
    const url = await listen(ssh);
    try {
      const message = expect.stringContaining('does not answer in HTTP');
      await expect(connect(url)).rejects.toMatchObject({ code: 'protocol', message });
    } finally {
      ssh.close();
    }
  });

  test('a server that has gone is tried again, then it is the source’s fault', async () => {
    const { url } = await serve({});
    servers.pop()!.close();
    events.length = 0;
    const error = await connect(url).catch((e: unknown) => e);
    expect(error).toMatchObject({ code: 'source', message: expect.stringContaining('connection refused') });
    expect(error).toMatchObject({ hint: expect.stringContaining('is lm serve running there') });
    expect(events.slice(0, 3).map((event) => event.type === 'retried' && event.waitMs)).toEqual([5, 10, 20]);
  });

  test('an abort ends the wait with its own reason', async () => {
    const controller = new AbortController();
    const reason = new LmError('interrupted', 'interrupted');
    const { url } = await serve({ [`${P}/status`]: [reply(503, '', { 'retry-after': '60' })] });
    const waiting = connect(url, { signal: controller.signal, emit: () => controller.abort(reason) });
    await expect(waiting).rejects.toBe(reason);
  });

  test('an abort ends a request under way with its own reason', async () => {
    const controller = new AbortController();
    const reason = new LmError('interrupted', 'interrupted');
    const { url } = await serve({ [`${P}/status`]: [() => controller.abort(reason)] });
    await expect(connect(url, { signal: controller.signal })).rejects.toBe(reason);
  });
});

describe('TLS', () => {
  const pem = (name: string): string => readFileSync(join(spool, `${name}.pem`), 'utf8');
  beforeAll(() => {
    for (const name of ['server', 'client'])
      execFileSync(
        'openssl',
        [
          ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'],
          ...['-subj', `/CN=${name}`, '-addext', 'subjectAltName=IP:127.0.0.1'],
          ...['-keyout', join(spool, `${name}-key.pem`), '-out', join(spool, `${name}.pem`)],
        ],
        { stdio: 'ignore' },
      );
  });

  async function serveTls(more: object = {}): Promise<string> {
    const options = { key: pem('server-key'), cert: pem('server'), ...more };
    const server = createTlsServer(options, (request, response) => reply(200, NOT_COMPLETED, AGENT)(request, response));
    servers.push(server);
    return (await listen(server)).replace('http:', 'https:');
  }

  test('with an authority that is known', async () => {
    expect((await connect(await serveTls(), { caCert: pem('server') })).kind).toBe('lm');
  });

  test('with a client certificate, when one is demanded', async () => {
    const url = await serveTls({ ca: pem('client'), requestCert: true, rejectUnauthorized: true });
    events.length = 0;
    const certificate = { caCert: pem('server'), clientCert: pem('client'), clientKey: pem('client-key') };
    expect((await connect(url, certificate)).kind).toBe('lm');
    // The alert comes after the end of the handshake: one try is told.
    await expect(connect(url, { caCert: pem('server') })).rejects.toMatchObject({
      code: 'protocol',
      message: `no TLS session with ${url}: tlsv13 alert certificate required`,
      hint: expect.stringContaining('--client-cert'),
    });
    const pin = new X509Certificate(pem('server')).fingerprint256;
    await expect(connect(url, { pin })).rejects.toMatchObject({
      code: 'protocol',
      message: `no TLS session with ${url}: tlsv13 alert certificate required`,
    });
    expect(events).toEqual([]);
    // Node sends none for a certificate that it does not trust: it hangs up, as a source does that is being restarted.
    const otherKeys = { caCert: pem('server'), clientCert: pem('server'), clientKey: pem('server-key') };
    await expect(connect(url, otherKeys)).rejects.toMatchObject({
      code: 'protocol',
      hint: expect.stringContaining('may not accept the client certificate'),
    });
  });

  test('a plain HTTP request to it fails at once, with a hint', async () => {
    const url = (await serveTls()).replace('https:', 'http:');
    await expect(connect(url)).rejects.toMatchObject({ code: 'protocol', hint: expect.stringContaining('https://') });
  });

  test.each<[string, (url: string) => string, RegExp]>([
    ['an authority that is not known', (url) => url, /--ca-cert/],
    ['a certificate for another name', (url) => url.replace('127.0.0.1', 'localhost'), /host name/],
  ])('%s ends it, with what to do about it', async (name, change, hint) => {
    const url = change(await serveTls());
    const trust = name.includes('name') ? { caCert: pem('server') } : {};
    await expect(connect(url, trust)).rejects.toMatchObject({ code: 'protocol', hint: expect.stringMatching(hint) });
  });

  test('where plain HTTP is served ends it', async () => {
    const { url } = await serve(agentStatus);
    const secure = url.replace('http:', 'https:');
    await expect(connect(secure)).rejects.toMatchObject({
      code: 'protocol',
      message: expect.stringMatching(/: wrong version number$/),
      hint: expect.stringContaining('http://'),
    });
  });
});

const HEAD = `{"type":"listing","protocol":1,"agentId":"a","machine":"m","roots":[{"key":"data/0","path":"/d","ino":"1","mode":16877,"uid":0,"gid":0}],"exclusions":{"filesToExclude":[],"dirsToExclude":[]}}\n`;
const ofPart = (only: string): string => HEAD.replace(/\}\n$/, `,"only":"${only}"}\n`);
const BLOCK = '["data/0",[["f","6","1",33188]],\t[[0,0,1]],\t["7"],[0]]\n';
const END =
  '{"type":"end","entries":1,"bytes":6,"errors":0,"firstErrors":[],"excluded":0,"firstExcluded":[],"unnameable":[],"devices":{},"touched":{"files":0,"agoMs":0,"first":[],"written":[]}}\n';

describe('an agent’s listing', () => {
  test('streams, with `only` in its target', async () => {
    const { url, requests } = await serve({
      ...agentStatus,
      [`${P}/files?only=data%2F0%2Fks`]: [reply(200, sealListing(ofPart('data/0/ks') + BLOCK + END), NDJSON)],
    });
    const listing = await (await connect(url)).list({ only: 'data/0/ks' }, live);
    const dirs: string[] = [];
    for await (const listed of listing.blocks) dirs.push(listed.block()!.dir);
    expect(dirs).toEqual(['data/0']);
    expect(listing.totals().entries).toBe(1);
    expect(requests).toHaveLength(2);
  });

  test('of another key than requested is refused', async () => {
    for (const [only, head] of [
      ['data/0/ks', HEAD],
      ['data/0/ks', ofPart('data/0/kt')],
      [undefined, ofPart('data/0/ks')],
    ] as const) {
      const target = only ? `${P}/files?only=${encodeURIComponent(only)}` : `${P}/files`;
      const { url } = await serve({ ...agentStatus, [target]: [reply(200, sealListing(head + BLOCK + END), NDJSON)] });
      await expect((await connect(url)).list({ only }, live)).rejects.toMatchObject({ code: 'source' });
    }
  });

  test('whose framing was damaged on the way is the source’s fault', async () => {
    const bytes = sealListing(HEAD + BLOCK).toString('latin1');
    const { url } = await serve({
      ...agentStatus,
      [`${P}/files`]: [
        (_, { socket }) => {
          socket!.write('HTTP/1.1 200 OK\r\nContent-Type: application/x-ndjson\r\nTransfer-Encoding: chunked\r\n\r\n');
          socket!.write(`${bytes.length.toString(16)}\r\n${bytes}\r\nzz\r\n`);
        },
      ],
    });
    const listing = await (await connect(url)).list({}, live);
    const read = async () => {
      for await (const _ of listing.blocks);
    };
    await expect(read()).rejects.toMatchObject({
      ...{ code: 'source', kind: 'cut-answer' },
      message: expect.stringMatching(/broke off.*HTTP/),
    });
  });

  test('that breaks off is the source’s fault', async () => {
    const { url } = await serve({
      ...agentStatus,
      [`${P}/files`]: [
        (request, response) =>
          response.writeHead(200, NDJSON).write(sealListing(HEAD + BLOCK), () => request.socket.end()),
      ],
    });
    const listing = await (await connect(url)).list({}, live);
    const read = async () => {
      for await (const _ of listing.blocks);
    };
    await expect(read()).rejects.toMatchObject({ code: 'source' });
  });

  test('in another format is none', async () => {
    const { url } = await serve({ ...agentStatus, [`${P}/files`]: [reply(200, '{"files":[],"totalSize":0}')] });
    await expect((await connect(url)).list({}, live)).rejects.toMatchObject({
      code: 'protocol',
      message: expect.stringContaining('application/json'),
    });
  });
});

const listed = (...keys: string[]): ListedFile[] => keys.map((key) => ({ key, size: '6', mtimeNs: '1', ino: '7' }));

async function collect(digests: AsyncIterable<readonly SourceDigest[]>): Promise<SourceDigest[]> {
  const all: SourceDigest[] = [];
  for await (const some of digests) all.push(...some);
  return all;
}

describe('an agent’s digests', () => {
  const FILES = listed('data/0/a', 'data/0/b', 'data/0/ks/c');
  const answersTo = async (replies: Reply[], bodies: string[] = []) => {
    const noted = replies.map(
      (answer): Reply =>
        async (request, response) => {
          let body = '';
          for await (const chunk of request) body += chunk;
          bodies.push(body);
          answer(request, response);
        },
    );
    const { url } = await serve({ ...agentStatus, [`${P}/digests`]: noted });
    return collect((await connect(url)).digests('md5', FILES, live));
  };
  const lines = (...answers: unknown[]): Buffer =>
    sealUp(answers.map((answer) => `${JSON.stringify(answer)}\n`).join(''));
  const end = (files: number) => ({ type: 'end', files });

  test('come in any order, each with its index', async () => {
    const bodies: string[] = [];
    const body = lines([2, 'two'], { type: 'progress', bytes: 4 }, [0, null, 'changed', 'grew'], [1, 'one'], end(3));
    expect(await answersTo([reply(200, body, NDJSON)], bodies)).toEqual([
      { index: 2, digest: 'two' },
      { index: 0, result: 'changed', message: 'grew' },
      { index: 1, digest: 'one' },
    ]);
    expect(bodies).toEqual([
      '{"digestAlgorithm":"md5","young":true,"rows":true}\n["data/0",[["a","6","1","7"],["b","6","1","7"]]]\n["data/0/ks",[["c","6","1","7"]]]\n',
    ]);
  });

  test('that break off are requested again, the missing ones only', async () => {
    const bodies: string[] = [];
    const broken: Reply = (request, response) =>
      response.writeHead(200, NDJSON).write(lines([1, 'one']), () => request.socket.end());
    const rest = reply(200, lines([1, 'two'], [0, 'zero'], end(2)), NDJSON);
    expect(await answersTo([broken, reply(503, '', { 'retry-after': '0' }), rest], bodies)).toEqual([
      { index: 1, digest: 'one' },
      { index: 2, digest: 'two' },
      { index: 0, digest: 'zero' },
    ]);
    expect(bodies[2]).toBe(
      '{"digestAlgorithm":"md5","young":true,"rows":true}\n["data/0",[["a","6","1","7"]]]\n["data/0/ks",[["c","6","1","7"]]]\n',
    );
  });

  test('that were damaged on the way are requested again', async () => {
    const whole = lines([0, 'zero'], [1, 'one'], [2, 'two'], end(3));
    const damaged = Buffer.from(whole);
    damaged[5]! ^= 1;
    const bodies: string[] = [];
    expect(await answersTo([reply(200, damaged, NDJSON), reply(200, whole, NDJSON)], bodies)).toMatchObject([
      { digest: 'zero' },
      { digest: 'one' },
      { digest: 'two' },
    ]);
    expect(bodies).toHaveLength(2);
    await expect(answersTo([reply(200, damaged, NDJSON)])).rejects.toMatchObject({
      ...{ code: 'source', kind: 'damaged-answer' },
      message: expect.stringMatching(/^bytes of digests were damaged on the way \(after 5 tries, waited for /),
      details: ['after byte 0 of them'],
    });
  });

  test.each<[string, Buffer, string]>([
    ['too few', lines([0, 'x'], end(3)), '1 of 3 files'],
    ['one twice', lines([0, 'x'], [0, 'x'], [1, 'x'], end(3)), 'file 0 twice'],
    ['one not requested', lines([7, 'x'], end(1)), 'file 7 twice or unasked'],
    ['no digests', lines(['hello']), 'a line of digests'],
  ])('%s are refused', async (_, body, message) => {
    await expect(answersTo([reply(200, body, NDJSON)])).rejects.toMatchObject({
      code: 'protocol',
      message: expect.stringContaining(message),
    });
  });

  test('of more files than one request takes are requested in several', async () => {
    const bodies: number[] = [];
    const answer: Reply = async (request, response) => {
      let body = '';
      for await (const chunk of request) body += chunk;
      const [, parts] = JSON.parse(body.split('\n')[1]!) as [string, unknown[]];
      bodies.push(parts.length);
      response.writeHead(200, NDJSON).end(lines(...parts.map((__, i) => [i, 'x']), end(parts.length)));
    };
    const { url } = await serve({ ...agentStatus, [`${P}/digests`]: [answer] });
    const files = listed(...Array.from({ length: 8193 }, (_, i) => `data/0/${i}`));
    const all = await collect((await connect(url)).digests('md5', files, live));
    expect(bodies).toEqual([8192, 1]);
    expect(new Set(all.map(({ index }) => index)).size).toBe(8193);
  });
});

describe('an agent’s report on open files', () => {
  const report = { writers: [{ pid: 7, command: 'java', path: '/d/f' }], uninspected: [] };
  const whole = sealUp(`${JSON.stringify(report)}\n`);
  const answersTo = async (...bodies: Buffer[]) => {
    const { url } = await serve({
      ...agentStatus,
      [`${P}/open-files`]: bodies.map((body) => reply(200, body, NDJSON)),
    });
    return (await connect(url)).openFiles!(live);
  };

  test('is what it sent', async () => expect(await answersTo(whole)).toEqual(report));

  test('is requested again where it was cut or damaged on the way', async () => {
    const damaged = Buffer.from(whole);
    damaged[30]! ^= 1;
    expect(await answersTo(damaged, whole.subarray(0, -1), whole)).toEqual(report);
  });

  test.each([
    ['{}', 'writers'],
    ['{"writers":[],"uninspected":[]', 'not JSON'],
    ['{"writers":[{"pid":-1,"command":"c","path":"/p"}],"uninspected":[]}', 'pid'],
    [`{"writers":[],"uninspected":[{"pid":1,"command":"${'c'.repeat(9000)}"}]}`, 'command'],
  ])('%.40s is none', async (text, message) => {
    await expect(answersTo(sealUp(`${text}\n`))).rejects.toMatchObject({
      code: 'protocol',
      message: expect.stringContaining(message),
    });
  });
});

describe('a Sidecar', () => {
  const target = (name: string): string => `${P}/files/data/0/${name}?digestAlgorithm=xxhash32`;
  const digest = (text: string) => reply(200, `{"digest":"${text}","digestAlgorithm":"xxhash32"}`);

  test('gets a request for each digest, with raw names', async () => {
    const name = "SAI+aa=@,:;!$&'()*~.db";
    const { url, requests } = await serve({
      ...sidecarStatus,
      [target(name)]: [digest('1')],
      [target('b')]: [digest('02')],
    });
    const all = await collect((await connect(url)).digests('xxhash32', listed(`data/0/${name}`, 'data/0/b'), live));
    expect(all).toEqual([
      { index: 0, digest: '1' },
      { index: 1, digest: '02' },
    ]);
    expect(requests.slice(1)).toEqual([`GET ${target(name)}`, `GET ${target('b')}`]);
  });

  test('may fail for one file and answer for the next', async () => {
    const { url } = await serve({
      ...sidecarStatus,
      [target('refused')]: [
        reply(403, '{"status":"Forbidden","code":403,"message":"Resolved path escapes base directory"}'),
      ],
      [target('other')]: [reply(200, '{"digest":"1","digestAlgorithm":"MD5"}')],
      [target('busy')]: [reply(503, '{}', { 'retry-after': '0' }), cut, digest('1')],
    });
    const files = listed('data/0/gone', 'data/0/refused', 'data/0/other', 'data/0/a b', 'data/0/busy');
    expect(await collect((await connect(url)).digests('xxhash32', files, live))).toMatchObject([
      { index: 0, result: 'vanished' },
      { index: 1, result: 'failed', message: expect.stringContaining('escapes base directory') },
      { index: 2, result: 'failed', message: 'answered with MD5 instead of xxhash32' },
      { index: 3, result: 'failed', message: expect.stringContaining('percent-encoding') },
      { index: 4, digest: '1' },
    ]);
  });

  test('that cannot read a file at all has failed for it alone', async () => {
    const { url, requests } = await serve({
      ...sidecarStatus,
      [target('bad')]: [reply(500, '{"message":"I/O error"}')],
      [target('good')]: [digest('1')],
    });
    const files = listed('data/0/bad', 'data/0/good');
    const all = await collect((await connect(url)).digests('xxhash32', files, live));
    expect(all).toMatchObject([{ result: 'failed', message: expect.stringContaining('I/O error') }, { digest: '1' }]);
    expect(requests.filter((line) => line.endsWith(target('bad')))).toHaveLength(5);
  });

  test('that turns out to be an agent, its status damaged, is none', async () => {
    const { url } = await serve({
      ...sidecarStatus,
      [`${P}/files`]: [reply(200, '{"files":[],"totalSize":0}', { ...JSON_TYPE, 'lm-agent': '1' })],
    });
    await expect((await connect(url)).list({}, live)).rejects.toMatchObject({ code: 'source', kind: 'source' });
  });

  test('does not know the other algorithms', async () => {
    const { url } = await serve(sidecarStatus);
    await expect(collect((await connect(url)).digests('crc32c', listed('data/0/f'), live))).rejects.toMatchObject({
      code: 'usage',
    });
  });

  test('gets another request for a listing that failed or broke off', async () => {
    const whole = `{"files":[{"fileUrl":"${P}/files/data/0/f","size":6,"fileType":"FILE","lastModifiedTime":1}],"totalSize":6}`;
    const broken: Reply = (_, response) => {
      response
        .writeHead(200, { ...JSON_TYPE, 'content-length': whole.length })
        .write(whole.slice(0, 50), () => response.destroy());
    };
    const { url } = await serve({
      ...sidecarStatus,
      [`${P}/files`]: [reply(500, '{"message":"/d/gone"}'), broken, reply(200, whole)],
    });
    const listing = await (await connect(url)).list({}, live);
    const entries = [];
    for await (const listed of listing.blocks) entries.push(...listed.block()!.entries);
    expect(entries).toHaveLength(1);
  });

  test('whose listing is a page is none, and the rest of the page is nobody’s business', async () => {
    const page: Reply = (_, response) => void response.writeHead(200, { 'content-type': 'text/html' }).write('<html>');
    const { url } = await serve({ ...sidecarStatus, [`${P}/files`]: [page] });
    const source = await connect(url);
    await expect(source.list({}, live)).rejects.toMatchObject({ code: 'protocol' });
    await source.close();
  });
});
