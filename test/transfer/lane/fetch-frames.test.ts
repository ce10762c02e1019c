// Ranges as an agent may answer them, over a real connection: sealed, not sealed, and in ways no agent should.

import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { expect, test } from '@jest/globals';
import { BLOCK_BYTES } from '../../../src/digest/digest.js';
import { createXxh64 } from '../../../src/digest/kernels/xxh64.js';
import { Connection } from '../../../src/source/connection.js';
import type { RangeSink } from '../../../src/transfer/lane/fetch.js';
import { FETCHERS } from '../../../src/transfer/lane/fetchers.js';
import type { Wanted } from '../../../src/transfer/lane-jobs.js';
import { FRAMES_CONTENT_TYPE, readFetchRequest, TRAILER_STATUS, writeFrameHead } from '../../../src/wire/frames.js';
import { type Seal, writeSeal } from '../../../src/wire/range-seals.js';
import { createPacer } from '../../../src/wire/rate.js';
import { fileEntry } from '../../support/entries.js';

const LENGTH = BLOCK_BYTES + 5;
const BYTES = Buffer.alloc(LENGTH, 'a range');
const FILE: Wanted = { dir: 'data/0', entry: fileEntry('big', { size: `${LENGTH}` }) };
const RANGE = { offset: 0, length: LENGTH };
const { asPromised } = TRAILER_STATUS;

const hash = createXxh64();
const blocks = [BYTES.subarray(0, BLOCK_BYTES), BYTES.subarray(BLOCK_BYTES)];
const digests = blocks.map((block) => {
  hash.update(block);
  return hash.digest();
});
const HEAD = writeFrameHead({ length: LENGTH });
const SEALS = digests.map((digest) => writeSeal(asPromised, digest));
const SEALED = Buffer.concat([HEAD, blocks[0]!, SEALS[0]!, blocks[1]!, SEALS[1]!]);
const ALONE = Buffer.concat([HEAD, ...SEALS]);
const WITH_TRAILER = Buffer.concat([HEAD, BYTES, Buffer.of(asPromised), ...digests]);

/** Asks somebody who answers `body` for a range, or for its seals; returns what was told, the request's own `seals` with it. */
async function ask(how: 'range' | 'seals', body: Buffer, seals?: string, range = RANGE) {
  const told = { asked: '', proved: [] as number[], whole: false, problems: [] as string[], seals: [] as Seal[] };
  const server = createServer(async (request, response) => {
    const unit = readFetchRequest(await buffer(request));
    told.asked = (unit.kind === 'range' && unit.seals) || 'none';
    response.writeHead(200, {
      'content-type': FRAMES_CONTENT_TYPE,
      'content-length': body.length,
      ...(seals !== undefined && { 'lm-seals': seals }),
    });
    response.end(body);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const hasher = createXxh64(256 << 10);
  const { port } = server.address() as AddressInfo;
  const connection = new Connection({ host: '127.0.0.1', port }, hasher.buffer, createPacer(undefined));
  const sink: RangeSink = {
    bytes() {},
    proved: (position) => void told.proved.push(position),
    whole() {
      told.whole = true;
    },
    problem: (_, result, message) => void told.problems.push(`${result}: ${message}`),
    forget() {},
  };
  const sealsSink = { problem: sink.problem, seals: (some: readonly Seal[]) => void told.seals.push(...some) };
  try {
    const slot = { connection, hasher };
    const fault =
      how === 'range'
        ? await FETCHERS.units.range(slot, FILE, range, sink)
        : await FETCHERS.units.seals(slot, FILE, range, sealsSink);
    return { ...told, fault };
  } finally {
    connection.close();
    server.close().closeAllConnections();
  }
}

test('a sealed range is proved block by block', async () => {
  expect(await ask('range', SEALED, '1')).toMatchObject({
    ...{ asked: 'behind-blocks', proved: [BLOCK_BYTES, LENGTH], whole: true, fault: undefined },
  });
});

test('an agent that knows no seals proves it by its trailer', async () => {
  expect(await ask('range', WITH_TRAILER)).toMatchObject({ proved: [], whole: true, fault: undefined });
});

test.each([
  ['the body', 5 + BLOCK_BYTES + 9 + 2],
  ['the last seal', SEALED.length - 1],
])('a bit that is flipped in %s leaves the blocks before it proved', async (_, at) => {
  const damaged = Buffer.from(SEALED);
  damaged[at]! ^= 4;
  const told = await ask('range', damaged, '1');
  expect(told).toMatchObject({ proved: [BLOCK_BYTES], whole: false, fault: { kind: 'damaged' } });
});

test('seals come alone to whoever asks for them alone', async () => {
  const { asked, seals } = await ask('seals', ALONE, '1');
  expect(asked).toBe('alone');
  expect(seals.map(({ end, digest }) => [end, Buffer.from(digest)])).toEqual(
    digests.map((digest) => ['as-promised', Buffer.from(digest)]),
  );
});

test('an agent that knows none tells of none, and its bytes are not waited for', async () => {
  expect(await ask('seals', WITH_TRAILER)).toMatchObject({ seals: [], problems: [], fault: undefined });
});

test.each([1, 500, 1015])('%d bytes of such an agent, an answer as short as a refusal, are none', async (length) => {
  const bytes = BYTES.subarray(0, length);
  hash.reset();
  hash.update(bytes);
  const answer = Buffer.concat([writeFrameHead({ length }), bytes, Buffer.of(asPromised), hash.digest()]);
  expect(await ask('seals', answer, undefined, { offset: 0, length })).toMatchObject({
    ...{ asked: 'alone', seals: [], problems: [], fault: undefined },
  });
});

test('what is refused is a problem of the file', async () => {
  const refusal = Buffer.from(writeFrameHead({ result: 'vanished', message: 'no longer there' }));
  for (const how of ['range', 'seals'] as const)
    expect(await ask(how, refusal)).toMatchObject({ problems: ['vanished: no longer there'], seals: [], whole: false });
});

test.each<[string, 'range' | 'seals', Buffer, string]>([
  ['a ctime that is none', 'range', SEALED, 'yesterday'],
  ['a ctime that is none, with seals alone', 'seals', ALONE, ''],
  ['seals of another length', 'seals', Buffer.alloc(2000), '1'],
  ['bytes behind the last seal', 'range', Buffer.concat([SEALED, Buffer.of(0)]), '1'],
  ['an end before the last seal', 'range', SEALED.subarray(0, -1), '1'],
])('%s is no answer of an agent', async (_, how, body, seals) => {
  await expect(ask(how, body, seals)).rejects.toMatchObject({ code: 'protocol' });
});
