// Requests that cost the agent far more than their sender: each holds its event loop, a slot, a thread or memory no longer than it says.

import { closeSync, lstatSync, mkdirSync, openSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { createFetches } from '../../src/agent/files/fetch-reply.js';
import { openRequested } from '../../src/agent/files/requested-file.js';
import { writeSidecarListing } from '../../src/agent/replies/sidecar-listing.js';
import { compileFilter } from '../../src/patterns/filter.js';
import { stopFlagOf } from '../../src/threads/stop-flag.js';
import {
  MAX_REQUEST_BYTES,
  MAX_REQUESTED_FILES,
  type RequestedFile,
  writeFileRequest,
} from '../../src/wire/file-requests.js';
import { MAX_BUNDLE_BYTES, writeFetchRequest } from '../../src/wire/frames.js';
import { type DigestLine, readDigestLines } from '../../src/wire/messages.js';
import { parseTarget } from '../../src/wire/routes.js';
import { loopMsOf } from '../support/cpu-time.js';
import { P, type RunningAgent, scratch, startAgent } from './running-agent.js';

const { dir, remove } = scratch();
const data = join(dir, 'data');
const MIB = 1 << 20;
let agent: RunningAgent;
let open: Socket[] = [];

beforeAll(async () => {
  mkdirSync(join(data, 'ks/t'), { recursive: true });
  writeFileSync(join(data, 'ks/t/a'), 'hello\n');
  for (const name of ['endless', 'endless2', 'endless3', 'endless4', 'endless5']) holed(name, 2 ** 40);
  const config = join(dir, 'lm.yaml');
  writeFileSync(config, 'live_migration:\n  dirs_to_exclude: ["glob:/**/a*b*c", "glob:/**/t/**/x"]\n');
  agent = await startAgent([data, '--state-dir', join(dir, 'state'), '--config', config]);
});

afterEach(() => {
  for (const socket of open) socket.destroy();
  open = [];
});

afterAll(async () => {
  await agent?.stop('SIGKILL');
  remove();
});

/** Of zeros that no disk holds. */
function holed(name: string, bytes: number): void {
  writeFileSync(join(data, 'ks/t', name), '');
  truncateSync(join(data, 'ks/t', name), bytes);
}

function partOf(name: string): RequestedFile {
  const { size, mtimeNs, ino } = lstatSync(join(data, 'ks/t', name), { bigint: true });
  return [name, `${size}`, `${mtimeNs}`, `${ino}`];
}

const bodyOf = (head: object, ...names: string[]): Uint8Array =>
  writeFileRequest(head, [['data/0/ks/t', names.map(partOf)]]);

const posted = (route: string, body: Uint8Array) => agent.ask(`${P}/${route}`, { method: 'POST', body });

/** The beginning of an answer that nobody reads on. */
function unread(request: string | Uint8Array): Promise<string> {
  const socket = connect(agent.port, '127.0.0.1').pause();
  open.push(socket);
  socket.write(request);
  return new Promise((resolve, reject) => {
    socket.once('error', reject).once('readable', () => resolve((socket.read() as Buffer).toString('latin1', 0, 300)));
  });
}

const requestOf = (route: string, body: Uint8Array): Buffer =>
  Buffer.concat([
    Buffer.from(`POST ${P}/${route} HTTP/1.1\r\nHost: localhost\r\nContent-Length: ${body.length}\r\n\r\n`),
    body,
  ]);

const HEADS: Record<string, object> = { fetch: { kind: 'bundle' }, digests: { digestAlgorithm: 'md5' } };

/** A request as long as may be: one directory a line, none of them there. */
function full(head: object, lineOf: (i: number) => unknown): Uint8Array {
  let text = `${JSON.stringify(head)}\n`;
  for (let i = 0, line = ''; text.length + line.length < MAX_REQUEST_BYTES; i++) {
    text += line;
    line = `${JSON.stringify(lineOf(i))}\n`;
  }
  return Buffer.from(text);
}

const deep = (i: number): string => `data/0/${i}${'/a'.repeat(2000)}`;
const tiny: RequestedFile = ['a', '1', '1', '1'];

describe.each(['fetch', 'digests'])('/%s does in other threads what takes long:', (route) => {
  const head = HEADS[route]!;
  test.each<[string, number, () => Uint8Array]>([
    ['deep directories', 200, () => full(head, (i) => [deep(i), [tiny]])],
    ['deep directories without files', 400, () => full(head, (i) => [deep(i), []])],
    ['directories without files', 400, () => full(head, () => ['data/0', []])],
    [
      'as many files as may be',
      200,
      () => writeFileRequest(head, [[`data/0${'/a'.repeat(200)}`, Array(MAX_REQUESTED_FILES).fill(tiny)]]),
    ],
    [
      'more files than may be',
      400,
      () => writeFileRequest(head, [['data/0', Array(MAX_REQUESTED_FILES + 1).fill(tiny)]]),
    ],
    ['brackets', 400, () => Buffer.from(`${JSON.stringify(head)}\n${'['.repeat(4_000_000)}`)],
    ['a first line of brackets', 400, () => Buffer.from('['.repeat(4_000_000))],
    ['a range of many files', 400, () => full({ kind: 'range', offset: 0, length: 1 }, () => ['data/0', [tiny]])],
  ])('%s', async (_, status, body) => {
    const bytes = body();
    const begunMs = loopMsOf(agent.child.pid!);
    expect((await posted(route, bytes)).status).toBe(status);
    expect(loopMsOf(agent.child.pid!) - begunMs).toBeLessThan(400);
  });
});

async function digestsOf(algorithm: string, ...files: RequestedFile[]): Promise<DigestLine[]> {
  const { status, text } = await posted(
    'digests',
    writeFileRequest({ digestAlgorithm: algorithm }, [['data/0/ks/t', files]]),
  );
  expect(status).toBe(200);
  const lines = text.trimEnd().split('\n');
  return lines.filter((line) => !line.startsWith('{"type":"seal"')).flatMap(readDigestLines);
}

test('a file that is named many times is read once, and answered for each index', async () => {
  holed('again', 64 * MIB);
  const lines = await digestsOf('xxhash64', ...Array<RequestedFile>(MAX_REQUESTED_FILES).fill(partOf('again')));
  expect(lines.at(-1)).toEqual({ type: 'end', files: MAX_REQUESTED_FILES });
  const { digest } = JSON.parse((await agent.ask(`${P}/files/data/0/ks/t/again?digestAlgorithm=xxhash64`)).text);
  const answers = lines.slice(0, -1).map((line) => ('digest' in line ? `${line.index} ${line.digest}` : line));
  expect(answers).toEqual(Array.from({ length: MAX_REQUESTED_FILES }, (_, index) => `${index} ${digest}`));
});

/** None of these ends by itself: a file of 1 TiB takes a thread minutes. More of them than threads. */
test.each(['xxhash64', 'md5'])(
  'digests by %s end with their client, and leave threads and slots to others',
  async (algorithm) => {
    const names = ['endless', 'endless2', 'endless3', 'endless4', 'endless5'];
    for (let i = 0; i < 20; i++) {
      const socket = connect(agent.port, '127.0.0.1');
      open.push(socket);
      const sent =
        i % 2 === 0
          ? requestOf('digests', bodyOf({ digestAlgorithm: algorithm }, ...names))
          : `GET ${P}/files/data/0/ks/t/endless?digestAlgorithm=${algorithm} HTTP/1.1\r\nHost: localhost\r\n\r\n`;
      await new Promise<void>((resolve) => socket.write(sent, () => resolve()));
    }
    while ((await posted('digests', bodyOf({ digestAlgorithm: algorithm }, 'a'))).status !== 503);
    for (const socket of open) socket.destroy();
    let answer = await posted('digests', bodyOf({ digestAlgorithm: algorithm }, 'a'));
    while (answer.status === 503) answer = await posted('digests', bodyOf({ digestAlgorithm: algorithm }, 'a'));
    expect(answer.status).toBe(200);
  },
);

describe('bundles that nobody reads', () => {
  beforeAll(() => {
    for (const name of ['eight', 'sixteen']) holed(name, name === 'eight' ? 8 * MIB : MAX_BUNDLE_BYTES);
  });
  const ask = (count: number, name: string): Promise<string[]> =>
    Promise.all(Array.from({ length: count }, () => unread(requestOf('fetch', bodyOf({ kind: 'bundle' }, name)))));
  const residentBytes = (): number =>
    1024 * Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${agent.child.pid}/status`, 'utf8'))![1]);
  const statuses = (answers: string[]): string[] => answers.map((answer) => answer.slice(9, 12));

  test('are held up to 128 MiB, and the next is told to come back', async () => {
    const before = residentBytes();
    const answers = await ask(20, 'sixteen');
    expect(statuses(answers).sort()).toEqual([...Array(7).fill('200'), ...Array(13).fill('503')]);
    for (const answer of answers.filter((text) => text.includes(' 503 ')))
      expect(answer).toMatch(/retry-after: 1\r\n/i);
    expect(residentBytes() - before).toBeLessThan(200 * MIB);
  });

  test('are accepted when they are those of ten connections of lm copy', async () => {
    expect(statuses(await ask(10, 'eight'))).toEqual(Array(10).fill('200'));
  });
});

test('a listing for a Sidecar ends with its client', () => {
  const path = join(dir, 'listing.json');
  const fd = openSync(path, 'wx+');
  const left = new AbortController();
  left.abort();
  const roots = [{ key: 'data/0', type: 'data' as const, index: 0, path: data }];
  const job = { roots, filters: [], fd, stop: stopFlagOf(left.signal) };
  expect(() => writeSidecarListing(job)).toThrow('nobody waits for it');
  expect(readFileSync(path, 'utf8')).toBe('');
  closeSync(fd);
});

describe('a file a thousand levels deep is reached in turns,', () => {
  const key = `data/0${'/a'.repeat(1000)}`;
  const roots = [{ key: 'data/0', type: 'data' as const, index: 0, path: data }];
  const filters = [
    { exclusions: { filesToExclude: [], dirsToExclude: [...'bcdef'].map((name) => `glob:/**/a*${name}*x`) }, roots },
  ];
  const at = join(data, key.slice('data/0/'.length));
  beforeAll(() => {
    mkdirSync(at, { recursive: true });
    writeFileSync(join(at, 'f'), 'hello\n');
  });

  /** How often the event loop went round meanwhile. */
  async function turnsOf(act: () => Promise<unknown>): Promise<number> {
    let turns = 0;
    let next = setImmediate(function count() {
      turns++;
      next = setImmediate(count);
    });
    await act().finally(() => clearImmediate(next));
    return turns;
  }

  test('by its name', async () => {
    const route = parseTarget(`${P}/files/${key}/f`);
    const turns = await turnsOf(async () => {
      const opened = await openRequested(roots, compileFilter(...filters), route as never);
      expect(opened).toMatchObject({ name: 'f' });
      if ('fd' in opened) closeSync(opened.fd);
    });
    expect(turns).toBeGreaterThan(2);
  });

  test('by a request for a range', async () => {
    const { size, mtimeNs, ino } = lstatSync(join(at, 'f'), { bigint: true });
    const dirs: [[string, [RequestedFile]]] = [[key, [['f', `${size}`, `${mtimeNs}`, `${ino}`]]]];
    const fetches = createFetches(roots, filters, () => {}, []);
    const turns = await turnsOf(async () => {
      const reply = await fetches.reply(writeFetchRequest({ kind: 'range', offset: 0, length: 6, dirs }), undefined);
      expect(reply.headers['content-length']).toBe(5 + 6 + 9);
      reply.done!();
    });
    expect(turns).toBeGreaterThan(2);
  });
});
