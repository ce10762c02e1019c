// The routes between two lms, against the running agent.

import { execFileSync, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import {
  appendFileSync,
  closeSync,
  lchownSync,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { request } from 'node:http';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { BLOCK_BYTES } from '../../src/digest/digest.js';
import { createXxh64 } from '../../src/digest/kernels/xxh64.js';
import type { Block } from '../../src/files/listing.js';
import { readListing } from '../../src/listing/listing.js';
import { blockLine, isSameLine } from '../../src/listing/listing-lines.js';
import { version } from '../../src/version.js';
import {
  BODY_HASH_HEADER,
  bodyHash,
  FILE_REQUEST_TYPE,
  MAX_REQUEST_BYTES,
  type RequestedDirectory,
  type RequestedFile,
  sealedHeaders,
  writeFileRequest,
  writeLinesRequest,
} from '../../src/wire/file-requests.js';
import { fileTarget } from '../../src/wire/file-urls.js';
import { createFrameReader, type FetchRequest, MAX_BUNDLE_BYTES, writeFetchRequest } from '../../src/wire/frames.js';
import { SEALED_TYPE } from '../../src/wire/line-seals.js';
import { type DigestLine, readDigestLines } from '../../src/wire/messages.js';
import { createSealedReader } from '../../src/wire/range-seals.js';
import { IS_ROOT } from '../support/as-user.js';
import { type Answer, P, type RunningAgent, scratch, startAgent } from './running-agent.js';

const { dir, remove } = scratch();
const data = join(dir, 'data');
let agent: RunningAgent;

beforeAll(async () => {
  mkdirSync(join(data, 'ks/t/snapshots'), { recursive: true });
  writeFileSync(join(data, 'ks/t/snapshots/s'), 'hidden');
  writeFileSync(join(data, 'ks/t/a'), 'hello\n');
  writeFileSync(join(data, 'ks/t/empty'), '');
  writeFileSync(join(data, 'ks/t/exact'), Buffer.alloc(BLOCK_BYTES, 1));
  writeFileSync(join(data, 'ks/t/big'), Buffer.alloc(3 * BLOCK_BYTES + 7, 2));
  agent = await startAgent([data, '--state-dir', join(dir, 'state')]);
});

afterAll(async () => {
  await agent?.stop();
  remove();
});

/** A file as a listing has it. */
function requestedFile(path: string): RequestedFile {
  const { size, mtimeNs, ino } = lstatSync(join(data, path), { bigint: true });
  return [path.slice(path.lastIndexOf('/') + 1), `${size}`, `${mtimeNs}`, `${ino}`];
}

const fetched = (unit: FetchRequest): Promise<Answer> =>
  agent.ask(`${P}/fetch`, { method: 'POST', body: writeFetchRequest(unit) });

/** What a fetch brought of each file: its bytes and how they ended, or why there are none. */
async function fetchFiles(unit: FetchRequest): Promise<{ bytes: Buffer; end: string }[]> {
  const answer = await fetched(unit);
  expect([answer.status, answer.headers['content-type']]).toEqual([200, 'application/x-lm-frames']);
  expect(answer.headers['content-length']).toBe(`${answer.body.length}`);
  return readFrames(
    answer.body,
    unit.kind === 'range' ? [unit.length] : unit.dirs.flatMap(([, files]) => files.map((p) => Number(p[1]))),
  );
}

async function readFrames(body: Buffer, lengths: number[]): Promise<{ bytes: Buffer; end: string }[]> {
  const received = lengths.map(() => ({ bytes: Buffer.alloc(0), end: 'missing' }));
  const reader = createFrameReader(
    lengths,
    {
      refused: (i, result) => {
        received[i]!.end = result;
      },
      bytes: (i, chunk) => {
        received[i]!.bytes = Buffer.concat([received[i]!.bytes, chunk]);
      },
      end: (i, end) => {
        received[i]!.end = end;
      },
    },
    createXxh64(),
  );
  reader.push(body);
  expect(reader.done()).toBe(true);
  return received;
}

function becomeDirectory(path: string): void {
  rmSync(path);
  mkdirSync(path);
}

function becomePipe(path: string): void {
  rmSync(path);
  execFileSync('mkfifo', [path]);
}

function becomeLink(path: string): void {
  renameSync(path, `${path}2`);
  symlinkSync(`${path}2`, path);
}

const bundle = (...dirs: RequestedDirectory[]): FetchRequest => ({ kind: 'bundle', dirs });

describe('listing', () => {
  const ndjson = { headers: { accept: 'application/x-ndjson' } };

  async function list(query = '', features?: string) {
    const asked = { ...ndjson.headers, ...(features !== undefined && { 'lm-listing-features': features }) };
    const { body, headers } = await agent.ask(`${P}/files${query}`, { headers: asked });
    expect(headers['content-type']).toBe('application/x-ndjson');
    const listing = await readListing(
      (async function* () {
        yield body;
      })(),
    );
    const blocks: Block[] = [];
    for await (const listed of listing.blocks) blocks.push(listed.block()!);
    return { header: listing.header, blocks, end: listing.totals() };
  }

  test('has its header, every entry once, and an end line', async () => {
    const { header, blocks, end } = await list();
    const root = lstatSync(data, { bigint: true });
    expect(header).toMatchObject({
      protocol: 1,
      features: [],
      agentId: expect.stringMatching(/^[0-9a-f-]{36}$/),
      machine: expect.stringMatching(/^[0-9a-f]{32}$/),
      roots: [{ key: 'data/0', path: data, ino: `${root.ino}`, mode: Number(root.mode), uid: Number(root.uid) }],
    });
    expect(blocks.map((b) => [b.dir, b.entries.map(({ name }) => name), b.excluded])).toEqual([
      ['data/0', ['ks'], undefined],
      ['data/0/ks', ['t'], undefined],
      ['data/0/ks/t', ['a', 'big', 'empty', 'exact'], 1],
    ]);
    expect(end).toMatchObject({ entries: 6, bytes: 6 + 4 * BLOCK_BYTES + 7, errors: 0, excluded: 1 });
  });

  test('has ctimes and links on request, in lines that are otherwise the same', async () => {
    const stat = lstatSync(join(data, 'ks/t/a'), { bigint: true });
    const of = ({ blocks }: { blocks: Block[] }) => blocks.at(-1)!.entries[0]!;
    const plain = await list();
    expect(of(plain)).toMatchObject({ name: 'a', ctimeNs: undefined, links: undefined });
    const full = await list('', 'links, from-another-day, ctimes');
    expect(full.header.features).toEqual(['ctimes', 'links']);
    expect((await list('', 'blocks')).header.features).toEqual(['blocks']);
    expect(of(full)).toEqual({ ...of(plain), ctimeNs: `${stat.ctimeNs}`, links: 1 });
    expect(of(await list('', 'links'))).toEqual({ ...of(plain), links: 1 });
    expect(isSameLine(Buffer.from(blockLine(full.blocks[2]!)), Buffer.from(blockLine(plain.blocks[2]!)), true)).toBe(
      true,
    );
  });

  test('has the space that files with holes take up on request, and lines as before where there is none', async () => {
    const of = ({ blocks }: { blocks: Block[] }) => blocks.at(-1)!.entries.map(({ allocated }) => allocated);
    const before = await list('', 'ctimes');
    const full = await list('', 'allocated, ctimes');
    expect(full.blocks).toEqual(before.blocks);
    expect(full.blocks.map(blockLine)).toEqual(before.blocks.map(blockLine));
    const content = readFileSync(join(data, 'ks/t/a'));
    truncateSync(join(data, 'ks/t/a'), 3 * BLOCK_BYTES);
    const { blocks, end } = await list('', 'allocated');
    expect(of({ blocks })).toEqual([4096, undefined, undefined, undefined]);
    expect(end.holes).toBeUndefined();
    const plain = await list();
    expect([of(plain), plain.end.holes]).toEqual([
      [undefined, undefined, undefined, undefined],
      { entries: 1, bytes: 3 * BLOCK_BYTES - 4096, first: ['data/0/ks/t/a'] },
    ]);
    writeFileSync(join(data, 'ks/t/a'), content);
  });

  (IS_ROOT ? test : test.skip)('has the names of owners on request, before the first entry of theirs', async () => {
    const [daemon, nameless] = [1, 3_456_789];
    lchownSync(join(data, 'ks/t/a'), daemon, nameless);
    lchownSync(join(data, 'ks/t/big'), nameless, daemon);
    const linesFor = async (features: string) =>
      (await agent.ask(`${P}/files`, { headers: { ...ndjson.headers, 'lm-listing-features': features } })).body
        .toString()
        .split('\n')
        .filter((line) => !line.startsWith('{"type":"seal"'));
    const lines = await linesFor('names');
    expect(JSON.parse(lines[0]!)).toMatchObject({ features: ['names'], names: { users: {}, groups: {} } });
    const at = lines.findIndex((line) => line.startsWith('{"type":"names"'));
    expect(at).toBeLessThan(lines.findIndex((line) => line.startsWith('["data/0/ks/t"')));
    expect(JSON.parse(lines[at]!)).toEqual({
      type: 'names',
      users: { [daemon]: 'daemon', [nameless]: null },
      groups: { [daemon]: 'daemon', [nameless]: null },
    });
    const plain = await linesFor('');
    expect(plain.filter((line) => line.includes('names'))).toEqual([]);
    expect(lines.filter((line) => line.startsWith('['))).toEqual(plain.filter((line) => line.startsWith('[')));
    for (const name of ['a', 'big']) lchownSync(join(data, 'ks/t', name), 0, 0);
  });

  test('keeps the identity of the agent over a restart', async () => {
    const { header } = await list();
    await agent.stop();
    agent = await startAgent([data, '--state-dir', join(dir, 'state')]);
    expect((await list()).header).toEqual(header);
  });

  test('of a subtree; a key that cannot be is refused', async () => {
    expect(await list('?only=data/0/ks/t')).toMatchObject({ header: { only: 'data/0/ks/t' }, end: { entries: 6 } });
    expect((await agent.ask(`${P}/files?only=data/0/../x`, ndjson)).status).toBe(400);
    expect((await agent.ask(`${P}/files?only=data/7`, ndjson)).status).toBe(400);
  });

  test('status advertises the native routes', async () =>
    expect((await agent.ask(`${P}/status`)).headers).toMatchObject({
      'lm-agent': '1',
      'lm-version': version(),
      'lm-max-concurrent-file-requests': '20',
    }));
});

describe('fetch of a bundle', () => {
  test('brings files of several directories whole, in the order of the request', async () => {
    const files = ['a', 'exact', 'empty', 'big'].map((name) => requestedFile(`ks/t/${name}`));
    writeFileSync(join(data, 'ks/other'), 'other');
    const received = await fetchFiles(bundle(['data/0/ks/t', files], ['data/0/ks', [requestedFile('ks/other')]]));
    expect(received.map(({ end }) => end)).toEqual(Array(5).fill('as-promised'));
    const paths = ['ks/t/a', 'ks/t/exact', 'ks/t/empty', 'ks/t/big', 'ks/other'];
    for (const [i, path] of paths.entries())
      expect(received[i]!.bytes.equals(readFileSync(join(data, path)))).toBe(true);
  });

  test('one after another in the same buffers, large and small', async () => {
    for (let i = 0; i < 6; i++) {
      const name = i % 2 ? 'a' : 'big';
      const [received] = await fetchFiles(bundle(['data/0/ks/t', [requestedFile(`ks/t/${name}`)]]));
      expect(received!.bytes.equals(readFileSync(join(data, 'ks/t', name)))).toBe(true);
    }
  });

  test('a request for no files gets no bytes', async () => expect((await fetched(bundle())).body.length).toBe(0));

  test.each<[string, string, (path: string) => void]>([
    ['changed', 'has grown', (path) => appendFileSync(path, 'x')],
    ['changed', 'has shrunk', (path) => truncateSync(path, 1)],
    ['changed', 'was written anew', (path) => writeFileSync(path, 'other content')],
    ['vanished', 'is gone', (path) => rmSync(path)],
    ['changed', 'became a directory', becomeDirectory],
    ['changed', 'became a link to itself as it was', becomeLink],
    ['changed', 'became a pipe', becomePipe],
    ['as-promised', 'has another name beside', (path) => linkSync(path, `${path}2`)],
  ])('%s: a file that %s', async (end, _, change) => {
    const name = `changing-${Math.random()}`;
    writeFileSync(join(data, name), 'some content.');
    const file = requestedFile(name);
    change(join(data, name));
    const received = await fetchFiles(bundle(['data/0', [file]], ['data/0/ks/t', [requestedFile('ks/t/a')]]));
    expect(received.map((t) => t.end)).toEqual([end, 'as-promised']);
  });

  test('changed: a file whose directory became a link', async () => {
    mkdirSync(join(data, 'real'));
    writeFileSync(join(data, 'real/f'), 'f');
    const file = requestedFile('real/f');
    renameSync(join(data, 'real'), join(data, 'moved'));
    symlinkSync('moved', join(data, 'real'));
    expect((await fetchFiles(bundle(['data/0/real', [file]])))[0]!.end).toBe('changed');
  });

  test('vanished: what is excluded here, whoever knows its inode', async () => {
    const received = await fetchFiles(bundle(['data/0/ks/t/snapshots', [requestedFile('ks/t/snapshots/s')]]));
    expect(received).toEqual([{ bytes: Buffer.alloc(0), end: 'vanished' }]);
  });

  test.each<[string, RequestedDirectory]>([
    ['an unknown root', ['data/1', [['x', '1', '1', '1']]]],
    ['a way up', ['data/0/..', [['x', '1', '1', '1']]]],
    ['an empty component', ['data/0//ks', [['x', '1', '1', '1']]]],
  ])('400: %s', async (_, dir) => {
    expect((await fetched(bundle(dir))).status).toBe(400);
    const body = writeFileRequest({ digestAlgorithm: 'md5' }, [dir]);
    expect((await agent.ask(`${P}/digests`, { method: 'POST', body })).status).toBe(400);
  });

  test.each([
    ['not JSON', 'hello'],
    ['no body', ''],
    ['an array', '[]\n'],
    ['another kind', '{"kind":"all"}\n'],
    ['a number for a size', '{"kind":"bundle"}\n["data/0",[["x",1,"1","1"]]]\n'],
  ])('400: %s', async (_, body) => {
    const answer = await agent.ask(`${P}/fetch`, { method: 'POST', body });
    expect([answer.status, JSON.parse(answer.text).message]).toEqual([400, expect.stringContaining('malformed')]);
  });

  test('400: a body that is not the one of its hash, and what it was instead', async () => {
    const body = Buffer.from(writeFetchRequest(bundle(['data/0/ks/t', [requestedFile('ks/t/a')]])));
    const headers = sealedHeaders(FILE_REQUEST_TYPE, body);
    const ask = () => agent.ask(`${P}/fetch`, { method: 'POST', body, headers });
    expect(await ask()).toMatchObject({ status: 200 });
    body[body.indexOf('"a"') + 1]! ^= 1;
    const answer = await ask();
    expect([answer.status, answer.headers[BODY_HASH_HEADER]]).toEqual([400, bodyHash(body)]);
    expect(JSON.parse(answer.text).message).toBe('the request was damaged on its way');
  });

  test('413: a body beyond the limit, announced or not', async () => {
    const length = MAX_REQUEST_BYTES + 1;
    for (const headers of [{ 'content-length': length }, { 'transfer-encoding': 'chunked' }]) {
      const sent = request({ port: agent.port, path: `${P}/fetch`, method: 'POST', headers, agent: false });
      const answered = once(sent, 'response');
      sent.end(Buffer.alloc(length, 0x20));
      const [response] = await answered;
      expect(response.statusCode).toBe(413);
      response.resume();
    }
  });
});

describe('fetch of a range', () => {
  const range = (name: string, offset: number, length: number): FetchRequest => ({
    kind: 'range',
    offset,
    length,
    dirs: [['data/0/ks/t', [requestedFile(`ks/t/${name}`)]]],
  });

  test.each([
    [0, 3 * BLOCK_BYTES + 7],
    [0, BLOCK_BYTES],
    [BLOCK_BYTES, 2 * BLOCK_BYTES],
    [3 * BLOCK_BYTES, 7],
    [2 * BLOCK_BYTES, 5],
  ])('from %i, %i bytes', async (offset, length) => {
    const content = Buffer.alloc(3 * BLOCK_BYTES + 7, 'some text that repeats ');
    writeFileSync(join(data, 'ks/t/ranged'), content);
    const [received] = await fetchFiles(range('ranged', offset, length));
    expect(received!.end).toBe('as-promised');
    expect(received!.bytes.equals(content.subarray(offset, offset + length))).toBe(true);
  });

  test('of a file that is another one, gone or excluded has no bytes', async () => {
    writeFileSync(join(data, 'ks/t/moving'), 'one');
    const changed = range('moving', 0, 3);
    writeFileSync(join(data, 'ks/t/moving'), 'three');
    expect(await fetchFiles(changed)).toEqual([{ bytes: Buffer.alloc(0), end: 'changed' }]);
    rmSync(join(data, 'ks/t/moving'));
    expect((await fetchFiles(changed))[0]!.end).toBe('vanished');
    const dirs: [[string, [RequestedFile]]] = [['data/0/ks/t/snapshots', [requestedFile('ks/t/snapshots/s')]]];
    expect((await fetchFiles({ kind: 'range', offset: 0, length: 1, dirs }))[0]!.end).toBe('vanished');
  });

  test('changed, after all its bytes: a file that is touched while it is read', async () => {
    writeFileSync(join(data, 'touched'), Buffer.alloc(MAX_BUNDLE_BYTES, 3));
    const script = `const pause = new Int32Array(new SharedArrayBuffer(4));
      for (let i = 1; ; i++) {
        require('fs').utimesSync(process.argv[1], i, i);
        Atomics.wait(pause, 0, 0, 20);
      }`;
    const toucher = spawn(process.execPath, ['-e', script, join(data, 'touched')]);
    try {
      for (;;) {
        const dirs: [[string, [RequestedFile]]] = [['data/0', [requestedFile('touched')]]];
        const [received] = await fetchFiles({ kind: 'range', offset: 0, length: MAX_BUNDLE_BYTES, dirs });
        if (received!.end === 'changed' && received!.bytes.length === MAX_BUNDLE_BYTES) break; // or the test times out
      }
    } finally {
      toucher.kill('SIGKILL');
      await once(toucher, 'close');
    }
  });

  test('that shrinks on the way is filled up with zeros and called changed', async () => {
    const path = join(data, 'ks/t/shrinking');
    const size = 64 * BLOCK_BYTES; // far more than the sockets hold
    writeFileSync(path, Buffer.alloc(size, 7));
    const body = writeFetchRequest(range('shrinking', 0, size));
    const socket = connect(agent.port, '127.0.0.1');
    socket.write(
      `POST ${P}/fetch HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: ${body.length}\r\n\r\n`,
    );
    socket.write(body);
    const chunks: Buffer[] = [];
    for await (const chunk of socket) {
      if (chunks.length === 0) truncateSync(path, 40 * BLOCK_BYTES);
      chunks.push(chunk);
    }
    const whole = Buffer.concat(chunks);
    const head = whole.indexOf('\r\n\r\n');
    expect(whole.subarray(0, head).toString()).toMatch(new RegExp(`content-length: ${whole.length - head - 4}\r\n`));
    const [received] = await readFrames(whole.subarray(head + 4), [size]);
    expect(received!.end).toBe('changed');
    expect(received!.bytes[30 * BLOCK_BYTES]).toBe(7);
    expect(received!.bytes[size - 1]).toBe(0);
  });
});

describe('fetch of a sealed range', () => {
  const CONTENT = Buffer.alloc(3 * BLOCK_BYTES + 7, 'some text that repeats ');
  const sealed = (name: string, offset: number, length: number, seals: 'behind-blocks' | 'alone'): FetchRequest => ({
    ...{ kind: 'range', young: true, seals, offset, length },
    dirs: [['data/0/ks/t', [requestedFile(`ks/t/${name}`)]]],
  });
  const ripen = (path: string): Promise<unknown> => pause(Math.max(0, statSync(path).ctimeMs + 2_500 - Date.now()));

  /** What a reader receives, and the blocks it could verify before the last byte came. */
  function read(body: Buffer, length: number) {
    const received = { bytes: Buffer.alloc(0), verified: [] as [number, boolean][], end: 'missing' };
    const reader = createSealedReader(
      length,
      {
        refused: (result) => {
          received.end = result;
        },
        bytes: (chunk) => {
          received.bytes = Buffer.concat([received.bytes, chunk]);
        },
        hole() {},
        verified: (position, young) => void received.verified.push([position, young]),
        end: (end) => {
          received.end = end;
        },
      },
      createXxh64(),
    );
    reader.push(body);
    expect(reader.done()).toBe(true);
    return received;
  }

  test('has a seal behind each block, and the ctime it was opened with', async () => {
    const path = join(data, 'ks/t/sealed');
    writeFileSync(path, CONTENT);
    for (const young of [true, false]) {
      if (!young) await ripen(path);
      const length = 2 * BLOCK_BYTES + 7;
      const { body, headers } = await fetched(sealed('sealed', BLOCK_BYTES, length, 'behind-blocks'));
      expect(headers['lm-seals']).toBe(`${lstatSync(path, { bigint: true }).ctimeNs}`);
      expect(headers['lm-offset']).toBe(`${BLOCK_BYTES}`);
      expect(headers['content-length']).toBe(`${body.length}`);
      const { bytes, ...received } = read(body, length);
      expect(bytes.equals(CONTENT.subarray(BLOCK_BYTES))).toBe(true);
      expect(received).toEqual({
        verified: [BLOCK_BYTES, 2 * BLOCK_BYTES, length].map((position) => [position, young]),
        end: young ? 'young' : 'as-promised',
      });
      const alone = await fetched(sealed('sealed', BLOCK_BYTES, length, 'alone'));
      expect(alone.headers).toMatchObject({ 'lm-seals': headers['lm-seals'], 'content-length': '32' });
      const sealBehind = (block: number) =>
        body.subarray(5 + block * (BLOCK_BYTES + 9) + BLOCK_BYTES, 5 + (block + 1) * (BLOCK_BYTES + 9));
      expect(alone.body.subarray(5)).toEqual(Buffer.concat([sealBehind(0), sealBehind(1), body.subarray(-9)]));
    }
  });

  test.each(['behind-blocks', 'alone'] as const)('of a file that is gone is refused, seals %s', async (seals) => {
    writeFileSync(join(data, 'ks/t/going'), CONTENT);
    const asked = sealed('going', 0, BLOCK_BYTES, seals);
    rmSync(join(data, 'ks/t/going'));
    const { body, headers } = await fetched(asked);
    expect(headers['lm-seals']).toBeUndefined();
    expect(read(body, BLOCK_BYTES)).toMatchObject({ end: 'vanished', verified: [] });
  });

  test('of a file that has changed comes all the same to a client that wants it torn, if it is long enough', async () => {
    const path = join(data, 'ks/t/torn');
    writeFileSync(path, CONTENT);
    const length = 2 * BLOCK_BYTES + 7;
    const asked = { ...sealed('torn', BLOCK_BYTES, length, 'behind-blocks'), torn: true } as const;
    const { torn: _, ...whole } = asked;
    appendFileSync(path, 'more');
    expect(read((await fetched(whole)).body, length)).toMatchObject({ end: 'changed', bytes: Buffer.alloc(0) });
    const { bytes, ...received } = read((await fetched(asked)).body, length);
    expect(received).toEqual({ verified: [], end: 'changed' });
    expect(bytes.equals(CONTENT.subarray(BLOCK_BYTES))).toBe(true);

    truncateSync(path, CONTENT.length - 1);
    const { body, headers } = await fetched(asked);
    expect([read(body, length).bytes.length, headers['lm-seals']]).toEqual([0, undefined]);
    writeFileSync(`${path}.new`, CONTENT);
    renameSync(`${path}.new`, path); // another inode
    expect(read((await fetched(asked)).body, length).bytes).toHaveLength(0);
  });

  test('of a file whose time is set back after a write is not as promised; one that gets a hard link is', async () => {
    const path = join(data, 'ks/t/set-back');
    const size = 64 * BLOCK_BYTES; // far more than the sockets hold
    writeFileSync(path, Buffer.alloc(size, 7));
    const whileRead = async (act: () => void): Promise<string> => {
      const body = writeFetchRequest(sealed('set-back', 0, size, 'behind-blocks'));
      const socket = connect(agent.port, '127.0.0.1');
      socket.write(
        `POST ${P}/fetch HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: ${body.length}\r\n\r\n`,
      );
      socket.write(body);
      const chunks: Buffer[] = [];
      for await (const chunk of socket) {
        if (chunks.length === 0) act();
        chunks.push(chunk);
      }
      const whole = Buffer.concat(chunks);
      return read(whole.subarray(whole.indexOf('\r\n\r\n') + 4), size).end;
    };
    utimesSync(path, 1_000_000, 1_000_000);
    const writeAndSetBack = (): void => {
      const fd = openSync(path, 'r+');
      writeSync(fd, 'x', 60 * BLOCK_BYTES);
      closeSync(fd);
      utimesSync(path, 1_000_000, 1_000_000);
    };
    expect(await whileRead(writeAndSetBack)).toBe('changed');
    expect(await whileRead(() => linkSync(path, `${path}.snapshot`))).toBe('young');
  });

  test('that shrinks on the way has no verified block from there on', async () => {
    const path = join(data, 'ks/t/shrinking');
    const size = 64 * BLOCK_BYTES; // far more than the sockets hold
    writeFileSync(path, Buffer.alloc(size, 7));
    const body = writeFetchRequest(sealed('shrinking', 0, size, 'behind-blocks'));
    const socket = connect(agent.port, '127.0.0.1');
    socket.write(
      `POST ${P}/fetch HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: ${body.length}\r\n\r\n`,
    );
    socket.write(body);
    const chunks: Buffer[] = [];
    for await (const chunk of socket) {
      if (chunks.length === 0) truncateSync(path, 40 * BLOCK_BYTES);
      chunks.push(chunk);
    }
    const whole = Buffer.concat(chunks);
    const { verified, end } = read(whole.subarray(whole.indexOf('\r\n\r\n') + 4), size);
    expect(end).toBe('changed');
    expect(verified.length).toBeLessThan(40);
  });
});

describe('digests', () => {
  async function digests(digestAlgorithm: string, dirs: RequestedDirectory[], options = {}): Promise<DigestLine[]> {
    const body = writeFileRequest({ digestAlgorithm, ...options }, dirs);
    const { status, text } = await agent.ask(`${P}/digests`, { method: 'POST', body });
    expect(status).toBe(200);
    const lines = text.trimEnd().split('\n');
    return lines.filter((line) => !line.startsWith('{"type":"seal"')).flatMap(readDigestLines);
  }

  test('of many files, each by its index in the request, then the end', async () => {
    const names = Array.from({ length: 200 }, (_, i) => `cassandra-${i}`);
    mkdirSync(join(data, 'many'));
    for (const name of names) writeFileSync(join(data, 'many', name), `${name}\n`);
    const files = names.map((name) => requestedFile(`many/${name}`));
    const lines = await digests('xxhash32', [
      ['data/0/ks/t', [requestedFile('ks/t/big')]],
      ['data/0/many', files],
    ]);
    expect(lines.at(-1)).toEqual({ type: 'end', files: 201 });
    const indices = lines.slice(0, -1).map((line) => ('index' in line ? line.index : -1));
    expect(indices.sort((a, b) => a - b)).toEqual(Array.from({ length: 201 }, (_, i) => i));
    expect(lines).toContainEqual({ index: 13, digest: 'a010198' });
    expect(lines).toContainEqual({ index: 71, digest: 'e4cd5a' });
  });

  test('in one line for a client that asks for it', async () => {
    const dirs: RequestedDirectory[] = [
      ['data/0/ks/t', [requestedFile('ks/t/a'), ['gone', '1', '1', '1'], requestedFile('ks/t/a')]],
    ];
    const { text } = await agent.ask(`${P}/digests`, {
      method: 'POST',
      body: writeFileRequest({ digestAlgorithm: 'md5', young: true, rows: true }, dirs),
    });
    const [line] = text.split('\n');
    const digest = 'sZRqySSS0jR8YjW00mERhA==';
    expect(readDigestLines(line!)).toEqual([
      { index: 0, digest, young: expect.any(Boolean) },
      { index: 2, digest, young: expect.any(Boolean) },
      { index: 1, digest: null, result: 'vanished', message: 'no longer there' },
    ]);
  });

  test.each([
    ['md5', 'sZRqySSS0jR8YjW00mERhA=='],
    ['xxhash32', '946b5bf9'],
    ['xxhash64', 'e4c191d091bd8853'],
    ['crc32c', '353dd8be'],
  ])('by %s', async (algorithm, digest) => {
    const [line] = await digests(algorithm, [['data/0/ks/t', [requestedFile('ks/t/a')]]]);
    expect(line).toEqual({ index: 0, digest });
  });

  test('of blocks have the ctime of a file that is not young, and are not for a single file', async () => {
    const dirs: RequestedDirectory[] = [['data/0/ks/t', [requestedFile('ks/t/a')]]];
    const blocks = { index: 0, digest: '0955dcb942ea44ad' };
    expect(await digests('xxhash64-blocks', dirs)).toContainEqual(blocks);
    let [line] = await digests('xxhash64-blocks', dirs, { young: true });
    while ('young' in line! && line.young) {
      expect(line).toEqual({ ...blocks, young: true });
      [line] = await digests('xxhash64-blocks', dirs, { young: true });
    }
    const { ctimeNs } = lstatSync(join(data, 'ks/t/a'), { bigint: true });
    expect(line).toEqual({ ...blocks, young: false, ctimeNs: `${ctimeNs}` });
    const { status } = await agent.ask(`${P}/files/data/0/ks/t/a?digestAlgorithm=xxhash64-blocks`);
    expect(status).toBe(400);
  });

  test('of files that are gone, changed or excluded say so', async () => {
    writeFileSync(join(data, 'was'), 'x');
    const [name, size, mtimeNs, ino] = requestedFile('was');
    const lines = await digests('md5', [
      [
        'data/0',
        [
          ['nope', '1', '1', '1'],
          [name, '2', mtimeNs, ino],
          [name, size, mtimeNs, ino],
        ],
      ],
      ['data/0/ks/t/snapshots', [requestedFile('ks/t/snapshots/s')]],
    ]);
    expect(lines).toHaveLength(5);
    for (const line of [
      { index: 0, digest: null, result: 'vanished' },
      { index: 1, digest: null, result: 'changed' },
      { index: 2, digest: 'ndTkYSaMgDT1yFZOFVxnpg==' },
      { index: 3, digest: null, result: 'vanished' },
    ])
      expect(lines).toContainEqual(expect.objectContaining(line));
  });

  describe('of all files of a line of the listing', () => {
    /** The lines of the blocks that the agent lists. */
    async function listedLines(): Promise<string[]> {
      const { text } = await agent.ask(`${P}/files`, { headers: { accept: SEALED_TYPE } });
      return text.split('\n').filter((line) => line.startsWith('['));
    }

    async function ofLines(sent: readonly string[], options = {}): Promise<DigestLine[]> {
      const head = { digestAlgorithm: 'xxhash32', lines: true, ...options };
      const body = writeLinesRequest(
        head,
        sent.map((line) => Buffer.from(line)),
      );
      const { status, text } = await agent.ask(`${P}/digests`, { method: 'POST', body });
      expect(status).toBe(200);
      const answers = text.trimEnd().split('\n');
      return answers.filter((line) => !line.startsWith('{"type":"seal"')).flatMap(readDigestLines);
    }

    const named = (lines: readonly string[], dir: string): string =>
      lines.find((line) => line.startsWith(`["${dir}"`))!;
    const together = (...digests: string[]): string => createHash('sha256').update(digests.join('\n')).digest('hex');

    test('it is made of those of its files, in their order', async () => {
      const entries = readdirSync(join(data, 'ks/t'), { withFileTypes: true }).filter((one) => one.isFile());
      const files = entries.map(({ name }) => requestedFile(`ks/t/${name}`));
      const each = await digests('xxhash32', [['data/0/ks/t', files]]);
      const inOrder = each.flatMap((line) => ('index' in line ? [[line.index, line.digest!] as const] : []));
      mkdirSync(join(data, 'hollow/below'), { recursive: true });
      const lines = await listedLines();
      const answers = await ofLines([named(lines, 'data/0/hollow'), named(lines, 'data/0/ks/t')]);
      expect(answers.at(-1)).toEqual({ type: 'end', files: 2 });
      expect(answers).toContainEqual({ index: 0, digest: together() });
      expect(answers).toContainEqual({
        index: 1,
        digest: together(...inOrder.sort(([a], [b]) => a - b).map(([, digest]) => digest)),
      });
    });

    test('there is none where a file has changed, is gone, is young or is excluded', async () => {
      mkdirSync(join(data, 'restless'));
      const path = join(data, 'restless/one');
      writeFileSync(path, 'one');
      const young = named(await listedLines(), 'data/0/restless');
      const none = { index: 0, digest: null, result: 'changed', message: expect.any(String) };
      expect((await ofLines([young], { young: true }))[0]).toEqual(none);
      expect((await ofLines([young]))[0]).toMatchObject({ digest: expect.any(String) });
      utimesSync(path, 1, 1);
      expect((await ofLines([young]))[0]).toEqual(none);
      rmSync(join(data, 'restless'), { recursive: true });
      expect((await ofLines([young]))[0]).toEqual(none);
      const [hidden] = [named(await listedLines(), 'data/0/ks/t')];
      const { mtimeNs, ino } = lstatSync(join(data, 'ks/t/snapshots/s'), { bigint: true });
      const within = `["data/0/ks/t/snapshots",[["s","6","${mtimeNs / 1000n}",33188]],\t[[0,0,1]],\t["${ino}"],[${mtimeNs % 1000n}]]`;
      const answers = await ofLines([within, hidden!]);
      expect(answers).toContainEqual(none);
      expect(answers).toContainEqual({ index: 1, digest: expect.any(String) });
    });

    test.each([
      ['of another root', '["data/7",[["a","1","1",33188]],\t[[0,0,1]],\t["1"],[0]]'],
      ['that climbs', '["data/0/ks/..",[["a","1","1",33188]],\t[[0,0,1]],\t["1"],[0]]'],
      ['whose name climbs', '["data/0/ks",[["..","1","1",33188]],\t[[0,0,1]],\t["1"],[0]]'],
      [
        'that names a file twice',
        '["data/0/ks",[["a","1","1",33188],["a","1","1",33188]],\t[[0,0,2]],\t["1","1"],[0,0]]',
      ],
      ['that is no block', '{"type":"end"}'],
      ['that is no JSON', '[['],
    ])('a line %s fails alone', async (_, line) => {
      const answers = await ofLines([line, named(await listedLines(), 'data/0/ks/t')]);
      expect(answers).toContainEqual({ index: 0, digest: null, result: 'failed', message: expect.any(String) });
      expect(answers).toContainEqual({ index: 1, digest: expect.any(String) });
    });

    test('400: a line longer than any of a listing, or too many', async () => {
      const bodies = [`[${'['.repeat(1 << 20)}`, '[\n'.repeat(8193)].map((text) =>
        writeLinesRequest({ digestAlgorithm: 'md5', lines: true }, [Buffer.from(text)]),
      );
      for (const body of bodies) expect((await agent.ask(`${P}/digests`, { method: 'POST', body })).status).toBe(400);
    });
  });

  test('400: an unknown algorithm', async () => {
    const body = writeFileRequest({ digestAlgorithm: 'sha256' }, []);
    expect((await agent.ask(`${P}/digests`, { method: 'POST', body })).status).toBe(400);
  });
});

test('names that no Sidecar can serve are served by their escaped target', async () => {
  for (const name of ['a b', '100%', 'é', 'x?y#z', 'new\nline', 'q"<>', '%2B', 'ü+ö']) {
    writeFileSync(join(data, name), name);
    expect((await agent.ask(fileTarget(`data/0/${name}`))).text).toBe(name);
  }
});
