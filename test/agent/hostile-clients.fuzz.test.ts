// Whoever talks to the agent, and however: it goes on answering, reads nothing outside its roots and keeps its size.

import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { lstatSync, mkdirSync, readFileSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
import fc from 'fast-check';
import {
  MAX_REQUEST_BYTES,
  type RequestedFile,
  writeFileRequest,
  writeLinesRequest,
} from '../../src/wire/file-requests.js';
import { cpuMsOf, loopMsOf } from '../support/cpu-time.js';
import { cuts, damage, fuzz, fuzzTimeoutMs } from '../support/fuzz.js';
import { P, type RunningAgent, scratch, startAgent } from './running-agent.js';

const { dir, remove } = scratch();
const data = join(dir, 'data');
const CANARY = 'canary-7f3a9c51';
/** Limit of the agent's resident memory at its peak, whatever the requests. */
const MOST_BYTES = 512 << 20;
let agent: RunningAgent;
let open: Socket[] = [];

beforeAll(async () => {
  mkdirSync(join(data, 'ks/t/snapshots'), { recursive: true });
  mkdirSync(join(dir, 'data-beside'));
  for (const path of ['secret', 'data-beside/secret', 'data/ks/t/snapshots/secret'])
    writeFileSync(join(dir, path), CANARY.repeat(4));
  writeFileSync(join(data, 'ks/t/a'), 'hello\n');
  writeFileSync(join(data, 'ks/t/b'), 'x'.repeat(3000));
  symlinkSync('../../../secret', join(data, 'ks/t/out'));
  symlinkSync(dir, join(data, 'up'));
  const patterns = ['glob:/**/snapshots', 'glob:/**/d*d*x', 'regex:.*/(d|dd)+x'];
  writeFileSync(join(dir, 'lm.yaml'), `live_migration: { dirs_to_exclude: ${JSON.stringify(patterns)} }\n`);
  agent = await startAgent([data, '--state-dir', join(dir, 'state'), '--config', join(dir, 'lm.yaml')]);
});

/** The law of every test here. */
afterEach(async () => {
  for (const socket of open) socket.destroy();
  open = [];
  const { status, text } = await agent.ask(`${P}/status`);
  expect([status, JSON.parse(text).state]).toEqual([200, 'NOT_COMPLETED']);
  expect((await agent.ask(`${P}/files/data/0/ks/t/a`)).text).toBe('hello\n');
  expect(agent.stderr()).not.toMatch(/bug|Warning|Error/);
  const peak = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${agent.child.pid}/status`, 'utf8'))![1];
  expect(Number(peak) * 1024).toBeLessThan(MOST_BYTES);
});

afterAll(async () => {
  await agent?.stop();
  remove();
});

/** What a file that nobody may have would be told by. */
const SECRET_MD5 = createHash('md5').update(CANARY.repeat(4)).digest('base64');
const SECRET_DIGESTS = [SECRET_MD5, createHash('sha256').update(SECRET_MD5).digest('hex')];

interface Talk {
  socket: Socket;
  /** All that has come so far. */
  received(): string;
  closed: Promise<void>;
}

function talk(): Talk {
  const socket = connect({ port: agent.port, host: '127.0.0.1', allowHalfOpen: true });
  open.push(socket);
  const chunks: Buffer[] = [];
  socket.on('data', (chunk) => chunks.push(chunk));
  socket.on('error', () => {});
  const closed = new Promise<void>((resolve) => {
    socket.once('end', resolve).once('close', resolve);
  });
  return { socket, closed, received: () => Buffer.concat(chunks).toString('latin1') };
}

/** What the agent says to these bytes until it hangs up; within two minutes, or the test fails. `only`: and nothing follows them. */
async function answerTo(pieces: Iterable<Uint8Array | string>, only = false): Promise<string> {
  const { socket, received, closed } = talk();
  for (const piece of pieces) socket.write(piece);
  if (only) socket.end();
  let late: NodeJS.Timeout | undefined;
  const tooLate = new Promise<never>((_, reject) => {
    late = setTimeout(
      () => reject(new Error(`no end of the answer within 120 s: ${received().slice(0, 300)}`)),
      120_000,
    );
  });
  await Promise.race([closed, tooLate]).finally(() => clearTimeout(late));
  socket.destroy();
  expect(received()).not.toContain(CANARY);
  return received();
}

const RESPONSES = /^(?:HTTP\/1\.1 \d{3} [\s\S]*)?$/;

const segment = fc.constantFrom(
  ...['/', '//', '/./', '/../', '/..', '..', '.', '%2e%2e', '%2E%2E/', '%2f', '%5c', '\\', '%00', '%', '%zz', '%c0%ae'],
  ...['%252e', 'data', 'data/0', 'data/1', 'ks', 't', 'a', 'out', 'up', 'secret', 'snapshots', '-beside', ';x=1', '#x'],
  ...[
    'etc/passwd',
    '?',
    '&',
    'only=data/0',
    'only=..',
    'digestAlgorithm=md5',
    'x'.repeat(300),
    '\u00e9',
    '*',
    ':',
    '@',
  ],
);
const target = fc.oneof(
  fc.array(segment, { maxLength: 10 }).map((pieces) => `${P}/files/data/0/${pieces.join('')}`),
  fc.array(segment, { maxLength: 10 }).map((pieces) => `${P}/files/${pieces.join('')}`),
  fc.array(segment, { maxLength: 6 }).map((pieces) => `/${pieces.join('')}`),
  fc.constantFrom('*', 'http://x/', `http://127.0.0.1${P}/files/data/0/up/secret`, 'file:///etc/passwd', 'h:80', ''),
);
const method = fc.oneof(
  { weight: 3, arbitrary: fc.constant('GET') },
  fc.constantFrom('HEAD', 'POST', 'PUT', 'DELETE', 'OPTIONS', 'TRACE', 'CONNECT', 'PATCH', 'PRI', 'get', 'G ET', ''),
);
const digits = fc.oneof(fc.nat(4000).map(String), fc.constantFrom('', '0', '-1', '9'.repeat(400), '1e3', '0x1', ' 1'));
const range = fc
  .array(fc.tuple(digits, digits), { maxLength: 3 })
  .map((ranges) => `Range: bytes=${ranges.map((pair) => pair.join('-')).join(',')}`);
const header = fc.oneof(
  { weight: 2, arbitrary: range },
  fc.constantFrom(
    ...[
      'Host: x',
      'Host: a\r\nHost: b',
      'Connection: close',
      'Connection: keep-alive',
      'Connection: Upgrade\r\nUpgrade: h2c',
    ],
    ...['Accept: application/x-ndjson', 'Expect: 100-continue', 'Expect: x', 'Content-Length: 5', 'Content-Length: -1'],
    ...['Content-Length: 5\r\nContent-Length: 6', 'Transfer-Encoding: chunked', 'Transfer-Encoding: x, chunked'],
    ...[
      'If-Range: "x"',
      'If-None-Match: *',
      'Origin: http://x',
      ' folded: x',
      'no colon',
      ': x',
      'X: \u0000',
      'X: \u00e9',
    ],
    ...[
      `X: ${'y'.repeat(20_000)}`,
      'Authorization: Bearer x',
      'Range: x\r\nRange: bytes=0-1',
      `Range: bytes=${'0-1,'.repeat(3_000)}0-1`,
    ],
  ),
);
const version = fc.oneof(
  { weight: 5, arbitrary: fc.constant('HTTP/1.1') },
  fc.constantFrom('HTTP/1.0', 'HTTP/2.0', 'HTTP/0.9', ''),
);
const request = fc
  .tuple(
    method,
    target,
    version,
    fc.array(header, { maxLength: 4 }),
    fc.constantFrom('', 'hello', '5\r\nhello\r\n0\r\n\r\n'),
  )
  .map(([method, target, version, headers, body]) =>
    Buffer.from(
      `${[`${method} ${target} ${version}`, 'Host: localhost', ...headers].join('\r\n')}\r\n\r\n${body}`,
      'latin1',
    ),
  );

test(
  'requests that are odd, malformed, damaged, cut up or sent ahead of one another',
  async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(request, { minLength: 1, maxLength: 4 }), damage, cuts, async (requests, harm, cut) => {
        expect(await answerTo(cut(harm(Buffer.concat(requests))), true)).toMatch(RESPONSES);
      }),
      fuzz(300),
    );
  },
  fuzzTimeoutMs,
);

function partOf(path: string): RequestedFile {
  const { size, mtimeNs, ino } = lstatSync(join(dir, path), { bigint: true });
  return [path.slice(path.lastIndexOf('/') + 1), `${size}`, `${mtimeNs}`, `${ino}`];
}

const post = (route: string, body: Uint8Array): Buffer =>
  Buffer.concat([
    Buffer.from(
      `POST ${P}/${route} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: ${body.length}\r\n\r\n`,
    ),
    body,
  ]);

test(
  'bodies of /fetch and /digests that lie, climb, follow links or are no sense',
  async () => {
    const known = fc.constantFrom(
      ...[
        'secret',
        'data-beside/secret',
        'data/ks/t/snapshots/secret',
        'data/ks/t/a',
        'data/ks/t/b',
        'data/ks/t/out',
        'data/up',
      ],
    );
    const directory = fc.constantFrom(
      ...[
        'data/0',
        'data/0/ks/t',
        'data/0/up',
        'data/0/up/data-beside',
        'data/0/ks/t/snapshots',
        'data/0/..',
        'data/0/ks/../..',
      ],
      ...[
        'data/1',
        'data',
        '',
        '/',
        'data/0/',
        'data/0//ks',
        'data/0/ks/t/out',
        'data/0/.',
        'data/00',
        'data/0/\u0000',
      ],
    );
    const file = fc.oneof(
      known.map(partOf),
      fc
        .tuple(known.map(partOf), digits)
        .map(([[name, , mtimeNs, ino], size]): RequestedFile => [name, size, mtimeNs, ino]),
      fc
        .tuple(known.map(partOf), segment)
        .map(([[, size, mtimeNs, ino], name]): RequestedFile => [name, size, mtimeNs, ino]),
    );
    const head = fc.oneof(
      fc.constantFrom({ kind: 'bundle' }, { kind: 'bundle' }, { digestAlgorithm: 'md5' }, { digestAlgorithm: 'x' }),
      fc.tuple(fc.integer(), fc.integer()).map(([offset, length]) => ({ kind: 'range', offset, length })),
      fc.constant({ kind: 'range', offset: 0, length: 60 }),
      fc.dictionary(fc.string(), fc.jsonValue()),
    );
    const body = fc
      .tuple(head, fc.array(fc.tuple(directory, fc.array(file, { maxLength: 3 })), { maxLength: 3 }))
      .map(([head, dirs]) => writeFileRequest(head, dirs));
    const line = fc.tuple(directory, fc.array(file, { maxLength: 3 })).map(([dir, files]) => {
      const rows = files.map(([name, size, mtimeNs]) => [name, size, mtimeNs.slice(0, -3), 0o100644]);
      const nanos = files.map(([, , mtimeNs]) => Number(mtimeNs.slice(-3)));
      return JSON.stringify([dir, rows, [[0, 0, files.length]], files.map(([, , , ino]) => ino), nanos]);
    });
    const ofLines = fc.array(fc.oneof(line, fc.string(), fc.json()), { maxLength: 3 }).map((lines) =>
      writeLinesRequest(
        { digestAlgorithm: 'md5', lines: true },
        lines.map((text) => Buffer.from(text)),
      ),
    );
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom('fetch', 'digests'),
        fc.oneof(body, ofLines),
        damage,
        cuts,
        async (route, sound, harm, cut) => {
          const answer = await answerTo(cut(post(route, harm(sound))));
          expect(answer).toMatch(/^HTTP\/1\.1 (200|400|413) /);
          if (answer.includes(' 400 ')) expect(answer.length).toBeLessThan(4_000);
          for (const digest of SECRET_DIGESTS) expect(answer).not.toContain(digest);
        },
      ),
      fuzz(250),
    );
  },
  fuzzTimeoutMs,
);

const nest = (of: string, bytes: number): Buffer => Buffer.alloc(bytes, of);
const line = (text: string): string => `{"kind":"bundle"}\n${text}\n`;
const tiny: RequestedFile = ['a', '1', '1', '1'];
const HEADS = [{ kind: 'bundle' }, { digestAlgorithm: 'md5' }, { kind: 'range', offset: 0, length: 6 }];

/** Of processor time on the event loop, for one request of 4 MiB: most of it goes into reading it. */
const MOST_LOOP_MS = 1_000;

test.each<[string, Uint8Array]>([
  ['brackets', nest('[', MAX_REQUEST_BYTES)],
  ['braces', nest('{"a":', MAX_REQUEST_BYTES)],
  ['lines', nest('\n', MAX_REQUEST_BYTES)],
  ['directories of nothing', Buffer.from(`{"kind":"bundle"}\n${'["data/0/x",[]]\n'.repeat(250_000)}`)],
  [
    'a directory as deep as the request is long',
    Buffer.from(line(`["data/0${'/a'.repeat(1 << 20)}",[["a","1","1","1"]]]`)),
  ],
  [
    'many deep directories',
    Buffer.from(`{"kind":"bundle"}\n${`["data/0${'/a'.repeat(2000)}",[["a","1","1","1"]]]\n`.repeat(900)}`),
  ],
  ['a range of many files', Buffer.from(`{"kind":"range"}\n${'["data/0",[["a","1","1","1"]]]\n'.repeat(125_000)}`)],
  ['a name as long as the request', Buffer.from(line(`["data/0",[["${'\\u0007'.repeat(600_000)}","1","1","1"]]]`))],
  ['a root as long as the request', Buffer.from(line(`["${'\\u0007'.repeat(600_000)}",[["a","1","1","1"]]]`))],
  [
    'as many files as may be',
    writeFileRequest({ kind: 'bundle' }, [[`data/0${'/a'.repeat(1000)}`, Array(8192).fill(tiny)]]),
  ],
  ['more bytes than may be', Buffer.alloc(MAX_REQUEST_BYTES + 1, 0x20)],
])('a huge body is answered soon: %s', async (_, body) => {
  const asDigests = Buffer.from(
    Buffer.from(body).toString('latin1').replace('"kind":"bundle"', '"digestAlgorithm":"md5"'),
    'latin1',
  );
  for (const [route, bytes] of [
    ['fetch', body],
    ['digests', asDigests],
  ] as const) {
    const begunMs = cpuMsOf(agent.child.pid!);
    const loopMs = loopMsOf(agent.child.pid!);
    const answer = await answerTo([post(route, bytes)]);
    expect(answer).toMatch(/^HTTP\/1\.1 (200|400|413) /);
    if (/^HTTP\/1\.1 4/.test(answer)) expect(answer.length).toBeLessThan(4_000);
    expect(cpuMsOf(agent.child.pid!) - begunMs).toBeLessThan(5_000);
    expect(loopMsOf(agent.child.pid!) - loopMs).toBeLessThan(MOST_LOOP_MS);
  }
});

/** A request of some shape, as long as may be at the most: how many directories, how deep, of how many files, named how often. */
const shape = fc.record({
  head: fc.constantFrom(...HEADS),
  dirs: fc.constantFrom(0, 1, 3, 300, 100_000),
  depth: fc.constantFrom(0, 1, 40, 1_000, 4_000, 5_000),
  top: fc.constantFrom('ks', 'd', 'up', 'gone'),
  files: fc.constantFrom(0, 1, 2, 100, 8_192, 9_000),
  size: fc.constantFrom(undefined, '0', '10000000000000', '9'.repeat(20)),
  isRepeated: fc.boolean(),
});
type Shape = typeof shape extends fc.Arbitrary<infer S> ? S : never;

function bodyOf({ head, dirs, depth, top, files, size, isRepeated }: Shape): Uint8Array {
  const [, known, mtimeNs, ino] = partOf('data/ks/t/a');
  const requested = Array.from(
    { length: files },
    (_, i): RequestedFile => [isRepeated ? 'a' : `a${i}`, size ?? known, mtimeNs, ino],
  );
  const texts = [`${JSON.stringify(head)}\n`];
  for (let i = 0, bytes = texts[0]!.length; i < dirs; i++) {
    const line = `${JSON.stringify([`data/0/${top}${isRepeated ? '' : i}${'/d'.repeat(depth)}`, requested])}\n`;
    bytes += line.length;
    if (bytes > MAX_REQUEST_BYTES) break;
    texts.push(line);
  }
  return Buffer.from(texts.join(''));
}

test(
  'requests of any shape, by clients that read, stop reading or leave',
  async () => {
    const client = fc.constantFrom('reads', 'reads', 'stops reading', 'leaves');
    await fc.assert(
      fc.asyncProperty(shape, fc.constantFrom('fetch', 'digests'), client, async (shape, route, client) => {
        const body = bodyOf(shape);
        const loopMs = loopMsOf(agent.child.pid!);
        if (client === 'reads') {
          const answer = await answerTo([post(route, body)]);
          expect(answer).toMatch(/^HTTP\/1\.1 (200|400|503) /);
          if (/^HTTP\/1\.1 4/.test(answer)) expect(answer.length).toBeLessThan(4_000);
        } else {
          const { socket } = talk();
          socket.write(post(route, body));
          await once(socket, 'readable');
          if (client === 'leaves') socket.destroy();
        }
        expect(loopMsOf(agent.child.pid!) - loopMs).toBeLessThan(MOST_LOOP_MS);
      }),
      fuzz(25),
    );
  },
  fuzzTimeoutMs,
);

test('a head of 200 KB, and one of 5,000 fields', async () => {
  expect(await answerTo([`GET / HTTP/1.1\r\nHost: localhost\r\nX: ${'y'.repeat(200_000)}\r\n\r\n`])).toMatch(
    /^HTTP\/1\.1 431 /,
  );
  const fields = Array.from({ length: 5_000 }, (_, i) => `X${i}: y\r\n`).join('');
  expect(await answerTo([`GET ${P}/status HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n${fields}\r\n`])).toMatch(
    /^HTTP\/1\.1 (200|431) /,
  );
});

test('thirty requests at once on one connection are all answered, a thousand cost the connection', async () => {
  const one = `GET ${P}/status HTTP/1.1\r\nHost: localhost\r\n\r\n`;
  const answers = async (...requests: string[]): Promise<number> =>
    (await answerTo(requests)).match(/HTTP\/1\.1 200 OK/g)?.length ?? 0;
  expect(await answers(one.repeat(29), one.replace('\r\n\r\n', '\r\nConnection: close\r\n\r\n'))).toBe(30);
  expect(await answers(one.repeat(1000))).toBeLessThan(100);
});

test('requests sent ahead of one another free their slots when their connection breaks', async () => {
  const big = join(data, 'ks/t/ahead');
  writeFileSync(big, '');
  truncateSync(big, 1 << 30);
  const ask = (name: string): string => `GET ${P}/files/data/0/ks/t/${name} HTTP/1.1\r\nHost: localhost\r\n\r\n`;
  for (let i = 0; i < 3; i++) {
    const { socket } = talk();
    socket.write(ask('ahead') + ask('a').repeat(12));
    await once(socket, 'data');
    socket.resetAndDestroy();
  }
  while ((await agent.ask(`${P}/files/data/0/ks/t/a`)).status === 503)
    await new Promise((next) => setTimeout(next, 20));
  rmSync(big);
});

test('clients that never read, never finish a head or a body, or hang up in the middle, keep nobody out', async () => {
  const big = join(data, 'ks/t/big');
  writeFileSync(big, '');
  truncateSync(big, 1 << 30);
  const [name, size, mtimeNs, ino] = partOf('data/ks/t/big');
  const body = writeFileRequest({ kind: 'range', offset: 0, length: 64 << 20 }, [
    ['data/0/ks/t', [[name, size, mtimeNs, ino]]],
  ]);
  const slow = [
    `GET ${P}/files/data/0/ks/t/big HTTP/1.1\r\nHost: localhost\r\n\r\n`,
    post('fetch', body),
    `GET ${P}/files HTTP/1.1\r\nHost: localhost\r\nAccept: application/x-ndjson\r\n\r\n`,
    `GET ${P}/status HTTP/1.1\r\nHost`,
    `POST ${P}/status`,
    'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
    '',
  ];
  for (let i = 0; i < 70; i++) {
    const { socket } = talk();
    socket.pause();
    await new Promise((resolve) => socket.once('connect', resolve));
    if (slow[i % slow.length]) socket.write(slow[i % slow.length]!);
  }
  const { status, text } = await agent.ask(`${P}/status`);
  expect([status, JSON.parse(text).state]).toEqual([200, 'NOT_COMPLETED']);
  for (const socket of open) socket.destroy();
  while ((await agent.ask(`${P}/files/data/0/ks/t/a`)).status === 503)
    await new Promise((next) => setTimeout(next, 20));
  rmSync(big);
});

test('a body that never ends costs its sender the connection', async () => {
  const { socket, closed } = talk();
  socket.write(`POST ${P}/digests HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n`);
  const chunk = Buffer.concat([Buffer.from('100000\r\n'), Buffer.alloc(1 << 20, 0x20), Buffer.from('\r\n')]);
  let sent = 0;
  const pour = (): void => {
    while (sent++ < 512 && socket.writable && socket.write(chunk));
    if (sent <= 512) socket.once('drain', pour);
    else socket.end();
  };
  pour();
  await closed;
});

test('connections that go before their request is whole', async () => {
  const many = Array.from({ length: 100 }, () =>
    answerTo([`GET ${P}/files/data/0/ks/t/a HTTP/1.1\r\nHost: localhost\r\n`], true),
  );
  await Promise.all(many);
});
