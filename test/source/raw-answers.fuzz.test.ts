// Answers that are wrong before their body begins, or around it: whatever bytes come, they end in one of the errors a run may end with.

import { mkdtempSync, rmSync } from 'node:fs';
import type { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { connectSource } from '../../src/source/connect-source.js';
import { PATIENCE } from '../../src/source/patience.js';
import { RETRY_POLICY } from '../../src/source/retry.js';
import { codeOf, damage, fuzz, fuzzTimeoutMs } from '../support/fuzz.js';
import {
  AGENT_STATUS,
  JSON_HEAD,
  LINES,
  pour,
  type RawAnswer,
  type RawRoute,
  rawSource,
} from '../support/raw-source.js';
import { sealListing, sealUp } from '../support/seal-up.js';

const spool = mkdtempSync(join(tmpdir(), 'lm-raw-'));
afterAll(() => rmSync(spool, { recursive: true }));

let stop: (() => Promise<void>) | undefined;
afterEach(() => stop?.());

const signal = new AbortController().signal;
const QUICK = {
  ...RETRY_POLICY,
  tries: 2,
  firstWaitMs: 1,
  lostMs: 2,
  busyMs: 0,
};

/** All requests that a run makes before it fetches. Returns how they ended, and throws what is no LmError. */
async function connectAndList(
  answers: Partial<Record<RawRoute, RawAnswer>>,
): Promise<{ code: string; message: string }> {
  const server = await rawSource(answers);
  ({ stop } = server);
  const roots = [{ key: 'data/0', type: 'data', index: 0, path: '/d' }] as const;
  const patience = { ...PATIENCE, secondMs: 2 };
  const options = { url: server.url, roots, spool, emit: () => {}, policy: QUICK, patience, signal };
  try {
    const source = await connectSource(options);
    try {
      await source.openFiles?.(signal);
      for await (const listed of (await source.list({}, signal)).blocks) listed.block();
      const files = [{ key: 'data/0/f', size: '6', mtimeNs: '1', ino: '7' }];
      for await (const _ of source.digests('md5', files, signal));
    } finally {
      await source.close();
    }
    return { code: 'ok', message: '' };
  } catch (error) {
    return { code: codeOf(error), message: (error as Error).message };
  } finally {
    await server.stop();
  }
}

const LISTING =
  '{"type":"listing","protocol":1,"agentId":"a","machine":"m","roots":[{"key":"data/0","path":"/d","ino":"1","mode":16877,"uid":0,"gid":0}],"exclusions":{"filesToExclude":[],"dirsToExclude":[]}}\n' +
  '["data/0",[["f","6","1",33188]],\t[[0,0,1]],\t["7"],[0]]\n' +
  '{"type":"end","entries":1,"bytes":6,"errors":0,"firstErrors":[],"excluded":0,"firstExcluded":[],"unnameable":[],"devices":{},"touched":{"files":0,"agoMs":0,"first":[],"written":[]}}\n';
const whole = (head: string, body: string | Buffer): Buffer =>
  Buffer.concat([Buffer.from(`${head}content-length: ${Buffer.byteLength(body)}\r\n\r\n`), Buffer.from(body)]);
const chunked = (head: string, body: Buffer): Buffer =>
  Buffer.concat([
    Buffer.from(`${head}transfer-encoding: chunked\r\n\r\n${body.length.toString(16)}\r\n`),
    body,
    Buffer.from('\r\n0\r\n\r\n'),
  ]);
const HONEST = {
  status: Buffer.from(AGENT_STATUS),
  'open-files': whole(LINES, sealUp('{"writers":[],"uninspected":[]}\n')),
  files: chunked(LINES, sealListing(LISTING)),
  digests: whole(LINES, sealUp('[0,"aa"]\n{"type":"end","files":1}\n')),
};
const ROUTES = Object.keys(HONEST) as (keyof typeof HONEST)[];
const saying =
  (bytes: string | Buffer): RawAnswer =>
  (socket) =>
    void socket.write(bytes);
const honestly = (): Partial<Record<RawRoute, RawAnswer>> =>
  Object.fromEntries(ROUTES.map((route) => [route, saying(HONEST[route])]));

test('an honest source of the same making is heard to the end', async () => {
  expect(await connectAndList(honestly())).toEqual({ code: 'ok', message: '' });
});

const OK = 'HTTP/1.1 200 OK\r\n';
const MORE = 32 << 10; // twice what a head may be

describe.each(ROUTES)('an answer to %s', (route) => {
  test.each<[string, RawAnswer, RegExp]>([
    ['a header field without end', saying(`${OK}x: ${'y'.repeat(MORE)}`), /more than 16 KiB of header fields/],
    ['header fields without number', saying(OK + 'a: b\r\n'.repeat(MORE / 4)), /more than 16 KiB of header fields/],
    [
      'announcements without end',
      (socket) => pour(socket, 'HTTP/1.1 103 Early Hints\r\n\r\n', 5),
      /HTTP 103, which only announces/,
    ],
    [
      'trailers without end',
      saying(`${LINES}lm-agent: 1\r\ntransfer-encoding: chunked\r\n\r\n1\r\n{\r\n0\r\n${'a: b\r\n'.repeat(MORE / 4)}`),
      /more than 16 KiB of header fields/,
    ],
  ])('with %s', async (_, answer, message) => {
    const ended = await connectAndList({ ...honestly(), [route]: answer });
    expect(['protocol', 'source']).toContain(ended.code);
    expect(ended.message).toMatch(message);
  });
});

/** What may stand in a head, some of it at odds with the rest. */
const HEADS = [
  ...['HTTP/1.1 200 OK\r\n', 'HTTP/1.0 200 OK\r\n', 'HTTP/1.1 204 No Content\r\n', 'HTTP/1.1 304 Not Modified\r\n'],
  ...['HTTP/1.1 100 Continue\r\n\r\n', 'HTTP/1.1 101 Switching Protocols\r\nupgrade: h2c\r\nconnection: upgrade\r\n'],
  ...['HTTP/1.1 999 ?\r\n', 'HTTP/2 200\r\n', 'ICY 200 OK\r\n', 'HTTP/1.1 200\r\n', '\r\n\r\n', '220 mail ESMTP\r\n'],
  ...[
    'content-length: 5\r\n',
    'content-length: 99999999999999999999\r\n',
    'content-length: -1\r\n',
    'content-length:\r\n',
  ],
  ...['transfer-encoding: chunked\r\n', 'transfer-encoding: gzip, chunked\r\n', 'transfer-encoding: identity\r\n'],
  ...['content-encoding: gzip\r\n', 'connection: close\r\n', 'connection: upgrade\r\n', 'keep-alive: timeout=0\r\n'],
  ...['lm-agent: 1\r\n', 'lm-max-concurrent-file-requests: 1e99\r\n', 'content-type: application/x-ndjson\r\n'],
  ...['\r\n', '0\r\n\r\n', '5\r\nabcde\r\n', 'ffffffffffffffff\r\n', '5;a="b"\r\n', 'a\r\n', ' folded\r\n', ': \r\n'],
  ...[JSON_HEAD, LINES, '{"state":"NOT_COMPLETED"}', '{"type":"seal","xxh64":"0000000000000000"}\n', AGENT_STATUS],
];

test(
  'whatever its answers are made of',
  async () => {
    const pieces = fc.array(fc.constantFrom(...HEADS), { maxLength: 8 }).map((texts) => Buffer.from(texts.join('')));
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...ROUTES), pieces, damage, fc.boolean(), async (route, made, harm, harmed) => {
        const bytes = harmed ? harm(HONEST[route]) : made;
        const { code } = await connectAndList({
          ...honestly(),
          [route]: (socket: Socket) => void socket.end(bytes), // or it would be waited for, as any silence is
        });
        expect(['ok', 'protocol', 'source', 'usage']).toContain(code);
      }),
      fuzz(25),
    );
  },
  fuzzTimeoutMs,
);
