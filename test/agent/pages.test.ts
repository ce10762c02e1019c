// The pages of a file that differ from the client's, as the running agent sends them.

import {
  appendFileSync,
  lstatSync,
  mkdirSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { BLOCK_BYTES } from '../../src/digest/digest.js';
import { createXxh64 } from '../../src/digest/kernels/xxh64.js';
import { type AnsweredBlock, createPagesReader } from '../../src/wire/pages/pages-answer.js';
import {
  type BlockRun,
  blocksOfRuns,
  hashesBytes,
  PAGE_BYTES,
  PAGES_REQUEST_TYPE,
  type PagesRequest,
  putPageHashes,
  textDigest,
  writePagesRequest,
} from '../../src/wire/pages/pages-request.js';
import { type Answer, P, type RunningAgent, scratch, startAgent } from './running-agent.js';

const { dir, remove } = scratch();
const data = join(dir, 'data');
const hash = createXxh64();
let agent: RunningAgent;

beforeAll(async () => {
  mkdirSync(data);
  agent = await startAgent([data, '--state-dir', join(dir, 'state')]);
});
afterAll(async () => {
  await agent.stop();
  remove();
});

const SIZE = 18 * BLOCK_BYTES + 3 * PAGE_BYTES + 11;

/** Bytes of which no two pages are equal. */
function pagesOfText(bytes = SIZE): Buffer {
  const content = Buffer.alloc(bytes, 'an old state of a file, page by page ');
  for (let at = 0; at + 4 <= bytes; at += PAGE_BYTES) content.writeUInt32LE(at, at);
  return content;
}

/** A request for a file as it is listed now, by a client that has `mine`. */
function request(name: string, blocks: BlockRun[], mine: Buffer): { unit: PagesRequest; body: Buffer } {
  const { size, mtimeNs, ino } = lstatSync(join(data, name), { bigint: true });
  const unit: PagesRequest = {
    ...{ kind: 'pages', young: true, blocks },
    dirs: [['data/0', [[name, `${size}`, `${mtimeNs}`, `${ino}`]]]],
  };
  const at = blocksOfRuns(blocks, Number(size));
  const hashes = Buffer.alloc(hashesBytes(at));
  let end = 0;
  for (const { offset, length } of at) end = putPageHashes(mine.subarray(offset, offset + length), hash, hashes, end);
  return { unit, body: writePagesRequest(unit, hashes) };
}

const asked = (body: Buffer, type = PAGES_REQUEST_TYPE): Promise<Answer> =>
  agent.ask(`${P}/fetch`, { method: 'POST', body, headers: { 'content-type': type } });

/** Patches `mine` as a client does. */
async function patch(mine: Buffer, { unit, body }: ReturnType<typeof request>) {
  const answer = await asked(body);
  expect([answer.status, answer.headers['content-type']]).toEqual([200, 'application/x-lm-frames']);
  const seen = { blocks: [] as readonly AnsweredBlock[], received: 0, refused: '', ctime: answer.headers['lm-seals'] };
  const reader = createPagesReader(
    {
      requested: blocksOfRuns(unit.blocks, Number(unit.dirs[0][1][0][1])),
      text: textDigest(body, hash),
      bytes: Number(answer.headers['content-length']),
      hasCtime: seen.ctime !== undefined,
    },
    {
      refused(result, message) {
        seen.refused = `${result}: ${message}`;
      },
      blocks(blocks) {
        seen.blocks = blocks;
      },
      bytes(chunk, position) {
        mine.set(chunk, position);
        seen.received += chunk.length;
      },
      damaged: () => expect('damaged').toBe('sound'),
    },
    hash,
  );
  reader.push(answer.body);
  expect(reader.done()).toBe(true);
  for (const { offset, length, digest } of seen.blocks) {
    hash.update(mine.subarray(offset, offset + length));
    expect(Buffer.from(digest)).toEqual(Buffer.from(hash.digest()));
  }
  return seen;
}

function becomeDirectory(path: string): void {
  rmSync(path);
  mkdirSync(path);
}

const ripen = (path: string): Promise<unknown> => pause(Math.max(0, statSync(path).ctimeMs + 2_500 - Date.now()));

test('are those that differ, and the seals of their blocks', async () => {
  const [mine, now] = [pagesOfText(), pagesOfText()];
  for (const page of [0, 5, 6, 127, 18 * 128 + 3]) now[page * PAGE_BYTES + 10]! ^= 1;
  writeFileSync(join(data, 'big'), now);
  const blocks: BlockRun[] = [
    [0, 2],
    [17, 2],
  ];
  const young = await patch(Buffer.from(mine), request('big', blocks, mine));
  expect(young.blocks.map(({ end, received }) => [end, received])).toEqual([
    ['young', 4 * PAGE_BYTES],
    ['young', 0],
    ['young', 0],
    ['young', 11],
  ]);
  await ripen(join(data, 'big'));
  const seen = await patch(mine, request('big', blocks, mine));
  expect(seen.blocks.map(({ end }) => end)).toEqual(Array(4).fill('as-promised'));
  expect(seen).toMatchObject({
    received: 4 * PAGE_BYTES + 11,
    ctime: `${statSync(join(data, 'big'), { bigint: true }).ctimeNs}`,
  });
  expect(mine.subarray(0, BLOCK_BYTES).equals(now.subarray(0, BLOCK_BYTES))).toBe(true);
  expect(await patch(mine, request('big', blocks, mine))).toMatchObject({ received: 0 });
});

test('come in several answers where there are more than 8 MiB of them', async () => {
  writeFileSync(join(data, 'other'), pagesOfText());
  const mine = Buffer.alloc(SIZE);
  const { blocks, received } = await patch(mine, request('other', [[0, 16]], mine));
  expect([blocks.length, received]).toEqual([8, 8 * BLOCK_BYTES]);
  const rest = await patch(mine, request('other', [[8, 8]], mine));
  expect([rest.blocks.length, rest.received]).toEqual([8, 8 * BLOCK_BYTES]);
});

test.each<[string, (path: string) => void, string]>([
  ['has grown', (path) => appendFileSync(path, 'x'), 'changed: changed since it was listed'],
  ['was cut', (path) => truncateSync(path, BLOCK_BYTES), 'changed: changed since it was listed'],
  ['was removed', (path) => rmSync(path), 'vanished: no longer there'],
  ['became a directory', becomeDirectory, 'changed: changed since it was listed'],
  ['was renamed', (path) => renameSync(path, `${path}2`), 'vanished: no longer there'],
])('are refused of a file that %s since it was listed', async (what, change, refused) => {
  const name = `now ${what}`;
  const mine = pagesOfText();
  writeFileSync(join(data, name), mine);
  const wanted = request(name, [[0, 3]], mine);
  change(join(data, name));
  expect(await patch(mine, wanted)).toMatchObject({ refused, ctime: undefined, blocks: [] });
});

test('of a body that is no such request are refused with one line', async () => {
  const { body } = request('big', [[0, 1]], pagesOfText());
  const bodies = [
    Buffer.alloc(0),
    body.subarray(0, -1),
    Buffer.concat([Buffer.of(255, 255, 255, 127), body]),
    Buffer.from(body.toString('latin1').replace('[[0,1]]', '[[9,0]]'), 'latin1'),
    Buffer.alloc(3 << 20, '['),
  ];
  for (const each of bodies) {
    const { status, text } = await asked(each);
    const { message } = JSON.parse(text);
    expect([status, message]).toEqual([400, expect.stringMatching(/^malformed request: [^\n]+$/)]);
  }
  expect(await asked(Buffer.alloc(5 << 20))).toMatchObject({ status: 413 });
});

test('are sent of no file outside the roots', async () => {
  const { unit } = request('big', [[0, 1]], pagesOfText());
  for (const key of ['data/0/..', 'data/1', 'data/0/x/../..']) {
    const body = writePagesRequest({ ...unit, dirs: [[key, unit.dirs[0][1]]] }, Buffer.alloc(512));
    const answer = await asked(body);
    expect(answer.headers['lm-seals']).toBeUndefined();
    expect(answer.body.length).toBeLessThan(1_000);
  }
});

test('are announced with the status', async () => {
  expect((await agent.ask(`${P}/status`)).headers['lm-pages']).toBe('1');
});
