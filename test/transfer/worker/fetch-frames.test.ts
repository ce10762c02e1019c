// Ranges as an agent may answer them, over a real connection: sealed, not sealed, and in ways no agent should.

import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { expect, test } from '@jest/globals';
import { BLOCK_BYTES } from '../../../src/digest/digest.js';
import { createXxh64 } from '../../../src/digest/kernels/xxh64.js';
import { createPacer } from '../../../src/pace/rate.js';
import { Connection } from '../../../src/source/connection.js';
import type { Range, RangeSink } from '../../../src/transfer/worker/fetch.js';
import { FETCHERS } from '../../../src/transfer/worker/fetchers.js';
import type { WantedFile } from '../../../src/transfer/worker-jobs.js';
import { FRAMES_CONTENT_TYPE, readFetchRequest, TRAILER_STATUS, writeFrameHead } from '../../../src/wire/frames.js';
import { type Seal, writeSeal } from '../../../src/wire/range-seals.js';
import { fileEntry } from '../../support/entries.js';

const LENGTH = BLOCK_BYTES + 5;
const BYTES = Buffer.alloc(LENGTH, 'a range');
const FILE: WantedFile = { dir: 'data/0', entry: fileEntry('big', { size: `${LENGTH}` }) };
const RANGE = { offset: 0, length: LENGTH };
const { asPromised, changed } = TRAILER_STATUS;

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
const TORN = Buffer.concat([HEAD, blocks[0]!, SEALS[0]!, blocks[1]!, writeSeal(changed, digests[1]!)]);
const WITH_TRAILER = Buffer.concat([HEAD, BYTES, Buffer.of(asPromised), ...digests]);

/** Requests a range, or its seals, from a server that answers with `body`; returns what the sink received, and the `seals` of the request. */
async function ask(how: 'range' | 'seals', body: Buffer, seals?: string, range: Range = RANGE, begins?: number) {
  const received = {
    asked: '',
    torn: false,
    proved: [] as number[],
    whole: false,
    problems: [] as string[],
    seals: [] as Seal[],
  };
  const server = createServer(async (request, response) => {
    const unit = readFetchRequest(await buffer(request));
    received.asked = (unit.kind === 'range' && unit.seals) || 'none';
    response.writeHead(200, {
      'content-type': FRAMES_CONTENT_TYPE,
      'content-length': body.length,
      ...(seals !== undefined && { 'lm-seals': seals }),
      ...(begins !== undefined && { 'lm-offset': begins }),
    });
    response.end(body);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const hasher = createXxh64(256 << 10);
  const { port } = server.address() as AddressInfo;
  const connection = new Connection({ host: '127.0.0.1', port }, hasher.buffer, createPacer());
  const sink: RangeSink = {
    bytes() {},
    hole() {},
    proved: (position) => void received.proved.push(position),
    whole() {
      received.whole = true;
    },
    problem: (_, result, message) => void received.problems.push(`${result}: ${message}`),
    torn() {
      received.torn = true;
    },
    forget() {},
  };
  const sealsSink = { problem: sink.problem, seals: (some: readonly Seal[]) => void received.seals.push(...some) };
  try {
    const slot = { connection, hasher };
    const fault =
      how === 'range'
        ? await FETCHERS.units.range(slot, FILE, range, sink)
        : await FETCHERS.units.seals(slot, FILE, range, sealsSink);
    return { ...received, fault };
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

test('a file that changes on the way is a problem, unless its bytes are wanted all the same', async () => {
  expect(await ask('range', TORN, '1')).toMatchObject({
    ...{ proved: [BLOCK_BYTES], torn: false, whole: false, problems: ['changed: it changed while it was read'] },
  });
  expect(await ask('range', TORN, '1', { ...RANGE, torn: true })).toMatchObject({
    ...{ proved: [BLOCK_BYTES], torn: true, whole: false, problems: [], fault: undefined },
  });
  expect((await ask('seals', ALONE, '1', { ...RANGE, torn: true })).seals).toHaveLength(2);
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
  const received = await ask('range', damaged, '1');
  expect(received).toMatchObject({ proved: [BLOCK_BYTES], whole: false, fault: { kind: 'damaged' } });
});

test.each(['range', 'seals'] as const)('a %s of another offset is of a request that was damaged', async (how) => {
  const body = how === 'range' ? SEALED : ALONE;
  const other = await ask(how, body, '1', RANGE, BLOCK_BYTES);
  expect(other).toMatchObject({ proved: [], whole: false, seals: [], fault: { kind: 'damaged' } });
  expect(await ask(how, body, '1', RANGE, 0)).toMatchObject({ fault: undefined });
});

test('seals come alone when they are requested alone', async () => {
  const { asked, seals } = await ask('seals', ALONE, '1');
  expect(asked).toBe('alone');
  expect(seals.map(({ end, digest }) => [end, Buffer.from(digest)])).toEqual(
    digests.map((digest) => ['as-promised', Buffer.from(digest)]),
  );
});

test('an agent that knows no seals reports none, and its bytes are not read', async () => {
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

test('a refusal is a problem of the file', async () => {
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
