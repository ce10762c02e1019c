import { closeSync, fstatSync, ftruncateSync, openSync, readSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { sparseFrame } from '../../src/agent/files/sparse-frame.js';
import { createXxh64 } from '../../src/digest/kernels/xxh64.js';
import { MAX_RANGE_BYTES, type RangeRequest } from '../../src/wire/frames.js';
import { createSealedReader } from '../../src/wire/range-seals.js';
import { sandbox } from '../support/sandbox.js';

const MIB = 2 ** 20;

function sparseFile(size: number, data: readonly (readonly [offset: number, length: number])[]): number {
  const fd = openSync(join(sandbox().dir, 'sparse'), 'w+');
  ftruncateSync(fd, size);
  for (const [at, length] of data) writeSync(fd, Buffer.alloc(length, 'some data '), 0, length, at);
  return fd;
}

function requestFor(fd: number, offset: number, length: number): RangeRequest {
  const { size, mtimeNs, ino } = fstatSync(fd, { bigint: true });
  const dirs: RangeRequest['dirs'] = [['data/0', [['sparse', `${size}`, `${mtimeNs}`, `${ino}`]]]];
  return { kind: 'range', young: true, seals: 'sparse', offset, length, dirs };
}

/** Receives what the agent sends of a range; `meanwhile` is called between the head and the body. */
async function received(fd: number, offset: number, length: number, meanwhile = () => {}) {
  const { bytes, body } = await sparseFrame(fd, requestFor(fd, offset, length), () => {});
  meanwhile();
  const seen = { content: Buffer.alloc(length), holes: 0, verified: 0, end: '', sent: 0 };
  const reader = createSealedReader(
    length,
    {
      refused: () => {},
      bytes: (chunk, position) => void seen.content.set(chunk, position),
      hole(bytes) {
        seen.holes += bytes;
      },
      verified(position) {
        seen.verified = position;
      },
      end(end) {
        seen.end = end;
      },
    },
    createXxh64(),
    true,
  );
  for await (const chunk of body) {
    seen.sent += chunk.length;
    reader.push(chunk);
  }
  expect([reader.done(), seen.sent]).toEqual([true, bytes]);
  return seen;
}

test('blocks in holes are neither read nor sent, and the rest is what the file holds', async () => {
  const size = 9 * MIB + 5;
  const fd = sparseFile(size, [
    [3 * MIB - 5, 10],
    [9 * MIB, 5],
  ]);
  const { content, ...seen } = await received(fd, MIB, size - MIB);
  const expected = Buffer.alloc(size - MIB);
  readSync(fd, expected, 0, expected.length, MIB);
  closeSync(fd);
  expect(content.equals(expected)).toBe(true);
  expect(seen).toMatchObject({ holes: 6 * MIB, verified: size - MIB, end: 'young' });
});

test('a frame ends before more than a range of data', async () => {
  const fd = sparseFile(200 * MIB, [[8 * MIB, 70 * MIB]]);
  const { verified, holes } = await received(fd, 0, 200 * MIB);
  expect([verified, holes]).toEqual([8 * MIB + MAX_RANGE_BYTES, 8 * MIB]);
  const rest = await received(fd, verified, 200 * MIB - verified);
  closeSync(fd);
  expect([rest.verified, rest.holes]).toEqual([128 * MIB, 122 * MIB]);
});

test('what is written into a hole after that was found to be one is not verified', async () => {
  const fd = sparseFile(4 * MIB, [[0, 1]]);
  const seen = await received(fd, 0, 4 * MIB, () => writeSync(fd, 'late', 2 * MIB));
  closeSync(fd);
  expect(seen).toMatchObject({ verified: 0, end: 'changed' });
});

test('a file without holes is sent as it is', async () => {
  const fd = sparseFile(2 * MIB, [[0, 2 * MIB]]);
  const { holes, verified } = await received(fd, 0, 2 * MIB);
  closeSync(fd);
  expect([holes, verified]).toEqual([0, 2 * MIB]);
});
