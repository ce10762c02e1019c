// A source that keeps its connections open and gives nothing, or next to nothing, on each of its routes. A second takes milliseconds here.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, describe, expect, test } from '@jest/globals';
import type { Event } from '../../src/events.js';
import type { Listing } from '../../src/files/listing.js';
import { createPacer } from '../../src/pace/rate.js';
import { connectSource } from '../../src/source/connect-source.js';
import { Connection } from '../../src/source/connection.js';
import { PATIENCE, type Patience, STALLED } from '../../src/source/patience.js';
import { retryPolicy } from '../../src/source/retry.js';
import type { Source } from '../../src/source/source.js';
import { createSealer } from '../../src/wire/line-seals.js';
import {
  AGENT_STATUS,
  JSON_HEAD,
  LINES,
  pour,
  type RawAnswer,
  type RawRoute,
  rawSource,
  SIDECAR_STATUS,
} from '../support/raw-source.js';
import { sealUp } from '../support/seal-up.js';

const SECOND_MS = 10;
const HURRIED: Patience = { ...PATIENCE, secondMs: SECOND_MS, sidecarSilenceMs: 180_000 };
const ONCE = retryPolicy(0);
const signal = new AbortController().signal;
const spool = mkdtempSync(join(tmpdir(), 'lm-patience-'));
afterAll(() => rmSync(spool, { recursive: true }));

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

type Answers = Partial<Record<RawRoute, RawAnswer>>;

async function connect(answers: Answers, patience = HURRIED): Promise<{ source: Source; stalls: Event[] }> {
  const { url, stop } = await rawSource(answers);
  cleanups.push(stop);
  const stalls: Event[] = [];
  const emit = (event: Event) => void (event.type === 'stalled' && stalls.push(event));
  const roots = [{ key: 'data/0', type: 'data', index: 0, path: '/d' }] as const;
  const source = await connectSource({ url, roots, spool, emit, policy: ONCE, patience, signal });
  cleanups.push(() => source.close());
  return { source, stalls };
}

/** One byte a second; its body, where it has one, is long enough. */
const dripping =
  (begin: string | Uint8Array, drop = ' '): RawAnswer =>
  (socket) => {
    socket.write(begin);
    pour(socket, drop, SECOND_MS);
  };
const LONG = 'content-length: 9000000\r\n\r\n';
const sidecar: RawAnswer = (socket) => void socket.write(SIDECAR_STATUS);

async function readAll(listing: Promise<Listing>): Promise<void> {
  for await (const listed of (await listing).blocks) listed.block();
}

async function digest(source: Source): Promise<void> {
  for await (const _ of source.digests('md5', [{ key: 'data/0/a', size: '6', mtimeNs: '1', ino: '7' }], signal));
}

const HEADER =
  '{"type":"listing","protocol":1,"agentId":"a","machine":"m","roots":[{"key":"data/0","path":"/d","ino":"1","mode":16877,"uid":0,"gid":0}],"exclusions":{"filesToExclude":[],"dirsToExclude":[]}}\n';
const LISTED = sealUp(HEADER);

describe('one byte a second is silence', () => {
  test.each<[string, Answers, (source: Source) => Promise<unknown>, RegExp]>([
    [
      'in a listing',
      { files: dripping(Buffer.concat([Buffer.from(LINES + LONG), LISTED])) },
      (source) => readAll(source.list({}, signal)),
      /^the listing stalled: less than 2 bytes a second came for 30 s$/,
    ],
    ['in digests', { digests: dripping(LINES + LONG) }, digest, /^digests stalled: less than 2 bytes a second/],
    [
      'in its open files',
      { 'open-files': dripping(LINES + LONG) },
      (source) => source.openFiles!(signal),
      /^its open files stalled: less than 2 bytes a second/,
    ],
    [
      "in a Sidecar's document",
      { status: sidecar, files: dripping(`${JSON_HEAD + LONG}{"files":[`) },
      (source) => readAll(source.list({}, signal)),
      /^the listing stalled: less than 2 bytes a second came for 3 minutes$/,
    ],
    [
      "in a Sidecar's digest",
      { status: sidecar, files: dripping(JSON_HEAD + LONG) },
      digest,
      /^the digest of data\/0\/a stalled: less than 2 bytes a second/,
    ],
    [
      'in the body of an error',
      { 'open-files': dripping(`HTTP/1.1 400 Bad Request\r\n${LONG}`) },
      (source) => source.openFiles!(signal),
      /^its open files stalled/,
    ],
    [
      'in the head of an answer',
      { 'open-files': dripping('HTTP/1.1 200 OK\r\nx: ', 'y') },
      (source) => source.openFiles!(signal),
      /^its open files stalled: nothing came for 30 s$/,
    ],
    [
      'in chunk extensions',
      { 'open-files': dripping(`${LINES}transfer-encoding: chunked\r\n\r\n5;a=`, 'b') },
      (source) => source.openFiles!(signal),
      /^its open files stalled: nothing came for 30 s$/,
    ],
  ])('%s', async (_, answers, request, message) => {
    const { source } = await connect(answers);
    await expect(request(source)).rejects.toMatchObject({ code: 'source', message: expect.stringMatching(message) });
  });

  test('in a status', async () => {
    const answers = { status: dripping(`${JSON_HEAD}lm-agent: 1\r\n${LONG}`) };
    await expect(connect(answers)).rejects.toMatchObject({
      code: 'source',
      message: 'the status stalled: less than 2 bytes a second came for 30 s',
    });
  });
});

describe('an answer that only goes on being worked on', () => {
  /** A line and its checksum every five seconds, as an agent has it. */
  const working =
    (line: string, first?: string): RawAnswer =>
    (socket) => {
      const seal = createSealer();
      const send = (text: string): void =>
        void socket.write(Buffer.concat([Buffer.from(text), seal([Buffer.from(text)])]));
      socket.write(LINES + LONG);
      if (first !== undefined) send(first);
      const timer = setInterval(() => send(line), 5 * SECOND_MS);
      socket.on('close', () => clearInterval(timer));
    };
  const brief = { ...HURRIED, aliveMs: 180_000 };

  test.each<[string, string, Answers, (source: Source) => Promise<unknown>]>([
    [
      'a listing',
      'the listing',
      { files: working('{"type":"progress","entries":0}\n', HEADER) },
      (source) => readAll(source.list({}, signal)),
    ],
    ['digests', 'digests', { digests: working('{"type":"progress","bytes":0}\n') }, digest],
    [
      'open files',
      'its open files',
      { 'open-files': working('{"type":"progress"}\n') },
      (source) => source.openFiles!(signal, { check: true }),
    ],
  ])('%s: it is reported after a minute, ever more rarely, and ends', async (_, what, answers, request) => {
    const { source, stalls } = await connect(answers, brief);
    await expect(request(source)).rejects.toMatchObject({
      ...{ code: 'source', kind: 'source-stalled' },
      message: `${what} stalled: nothing but signs of life came for 3 minutes`,
    });
    expect(stalls).toEqual([60_000, 120_000].map((forMs) => ({ type: 'stalled', what, forMs, alive: true })));
  });
});

test('a Sidecar that is silent for a minute is reported, before its time is up', async () => {
  const { source, stalls } = await connect({ status: sidecar, files: () => {} });
  await expect(digest(source)).rejects.toMatchObject({ code: 'source' });
  expect(stalls.slice(0, 2)).toEqual(
    [60_000, 120_000].map((forMs) => ({ type: 'stalled', what: 'the digest of data/0/a', forMs, alive: false })),
  );
});

test('what this host does with what has come is no silence of the source', async () => {
  const { source, stalls } = await connect({
    files(socket) {
      socket.write(`${LINES}content-length: ${LISTED.length + 1}\r\n\r\n`);
      socket.write(LISTED);
    },
  });
  const listing = await source.list({}, signal);
  await new Promise((resolve) => setTimeout(resolve, 100 * SECOND_MS)); // only the time itself can be waited for
  expect(stalls).toEqual([]);
  await listing.blocks[Symbol.asyncIterator]().return?.();
});

describe('a lane', () => {
  async function request(answer: RawAnswer): Promise<void> {
    const { port, stop } = await rawSource({ fetch: answer });
    cleanups.push(stop);
    const connection = new Connection({ host: '127.0.0.1', port }, Buffer.alloc(65536), createPacer(), HURRIED);
    cleanups.push(() => connection.close());
    await connection.request({ method: 'GET', target: '/fetch' }, { head() {}, body() {}, end() {} });
  }

  test.each<[string, RawAnswer, string]>([
    ['the head', dripping('HTTP/1.1 200 OK\r\nx: ', 'y'), 'files stalled: nothing came for 30 s'],
    [
      'the bytes of a file',
      dripping(`HTTP/1.1 200 OK\r\n${LONG}`),
      'files stalled: less than 2 bytes a second came for 30 s',
    ],
  ])('gives up when %s drip', async (_, answer, message) => {
    await expect(request(answer)).rejects.toMatchObject({ code: STALLED, message });
  });

  test('takes bytes at a slow pace', async () => {
    await request((socket) => {
      let left = 40; // more than half a minute's worth
      socket.write(`HTTP/1.1 200 OK\r\ncontent-length: ${3 * left}\r\n\r\n`);
      const timer = setInterval(() => left-- > 0 && socket.write('123'), SECOND_MS);
      socket.on('close', () => clearInterval(timer));
    });
  });
});

test('an agent that answers gets further requests', async () => {
  const { source, stalls } = await connect({ status: (socket) => void socket.write(AGENT_STATUS) });
  expect(await source.status(signal)).toEqual({ state: 'NOT_COMPLETED' });
  expect(stalls).toEqual([]);
});
