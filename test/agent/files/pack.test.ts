import { existsSync, lstatSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { pack, packedBytes } from '../../../src/agent/files/pack.js';
import { createXxh64 } from '../../../src/digest/kernels/xxh64.js';
import { excludeNothing } from '../../../src/patterns/filter.js';
import { deviceOf } from '../../../src/syscalls/calls.js';
import type { RequestedFile } from '../../../src/wire/file-requests.js';
import { type BundleRequest, createFrameReader, type FrameSink } from '../../../src/wire/frames.js';

const ROOT = mkdtempSync(join(tmpdir(), 'lm-pack-'));
afterAll(() => rmSync(ROOT, { recursive: true }));

interface Received {
  end: string;
  bytes: Buffer;
}

function requested(path: string): RequestedFile {
  const { size, mtimeNs, ino } = lstatSync(path, { bigint: true });
  return [basename(path), `${size}`, `${mtimeNs}`, `${ino}`];
}

/** The frame of a file that is requested with its own size, or with `size`. */
function packed(path: string, size?: string): Received {
  const [name, ownSize, mtimeNs, ino] = requested(path);
  return packedAll(dirname(path), [[name, size ?? ownSize, mtimeNs, ino]])[0]!;
}

/** The frames of files of one directory. */
function packedAll(path: string, files: RequestedFile[], excludes = excludeNothing): Received[] {
  const request: BundleRequest = { kind: 'bundle', young: true, dirs: [['data/0', files]] };
  const hash = createXxh64();
  const buffer = Buffer.alloc(packedBytes(request), 0xff);
  const roots = [{ key: 'data/0', type: 'data' as const, index: 0, path }];
  const { bytes: length } = pack(request, buffer, { roots, excludes, hash });
  const received = files.map(() => ({ end: 'missing', bytes: Buffer.alloc(0) }));
  const sink: FrameSink = {
    refused: (index, result, message) => {
      received[index]!.end = `${result}: ${message}`;
    },
    bytes: (index, chunk) => {
      received[index]!.bytes = Buffer.concat([received[index]!.bytes, chunk]);
    },
    end: (index, end) => {
      received[index]!.end = end;
    },
  };
  const sizes = files.map(([, size]) => Number(size));
  const reader = createFrameReader(sizes, sink, hash);
  reader.push(buffer.subarray(0, length));
  expect(reader.done()).toBe(true);
  return received;
}

test.each([0, 1, 4096, 65_536, (1 << 20) - 1, 1 << 20, (1 << 20) + 1])(
  'a file of %i bytes comes whole, and not as one of a byte less or more',
  (bytes) => {
    const path = join(ROOT, `${bytes}`);
    writeFileSync(path, Buffer.alloc(bytes, 'x'));
    const whole = packed(path);
    expect([whole.end, whole.bytes.equals(Buffer.alloc(bytes, 'x'))]).toEqual(['young', true]);
    for (const other of [bytes + 1, bytes - 1].filter((size) => size >= 0))
      expect(packed(path, `${other}`)).toEqual({ end: 'changed: changed since it was listed', bytes: Buffer.alloc(0) });
  },
);

/** As some file systems state them: nothing where there is something, a page where there is less. */
test.each([
  ['/proc/version', /^failed: states 0 bytes but holds more$/],
  ['/proc/kallsyms', /^failed: states 0 bytes but holds more$/],
  ['/sys/kernel/uevent_seqnum', /^failed: states 4096 bytes but holds \d+$/],
])('%s is sent neither torn nor as an empty file', (path, expected) => {
  if (!existsSync(path)) return;
  const { end, bytes } = packed(path);
  expect(end).toMatch(expected);
  expect(bytes).toHaveLength(0);
});

/** This program's own: they were written long ago, and no test writes to them. */
const SETTLED = fileURLToPath(new URL('../../../src/wire', import.meta.url));

describe.each(['Node', 'the C library'])('files that nobody writes to, read by %s,', (by) => {
  beforeAll(() => {
    for (let i = 0; by !== 'Node' && i < 5_001; i++) deviceOf(0); // by then the C library is called
  });
  const names = readdirSync(SETTLED, { withFileTypes: true }).flatMap((entry) => (entry.isFile() ? [entry.name] : []));
  const files = names.map((name) => requested(join(SETTLED, name)));

  test('come whole, whatever comes before and behind', () => {
    expect(names.length).toBeGreaterThan(5);
    const contents = names.map((name) => readFileSync(join(SETTLED, name)));
    expect(packedAll(SETTLED, files)).toEqual(contents.map((bytes) => ({ end: 'as-promised', bytes })));
  });

  test.each<[string, (file: RequestedFile) => RequestedFile]>([
    ['of another size', ([name, size, ...rest]) => [name, `${Number(size) - 1}`, ...rest]],
    ['of another time', ([name, size, mtimeNs, ino]) => [name, size, `${BigInt(mtimeNs) + 1n}`, ino]],
    ['of another inode', ([name, size, mtimeNs, ino]) => [name, size, mtimeNs, `${BigInt(ino) + 1n}`]],
  ])('are refused alone when one is requested %s', (_, other) => {
    const asked = files.map((file, i) => (i === 1 ? other(file) : file));
    const ends = packedAll(SETTLED, asked).map(({ end }) => end);
    expect(ends).toEqual(files.map((_file, i) => (i === 1 ? 'changed: changed since it was listed' : 'as-promised')));
  });

  test('are not there where they are excluded', () => {
    const excludes = Object.assign((key: string) => key === `data/0/${names[1]}`, { hasPatterns: () => true });
    const ends = packedAll(SETTLED, files, excludes).map(({ end }) => end);
    expect(ends).toEqual(files.map((_, i) => (i === 1 ? 'vanished: no longer there' : 'as-promised')));
  });
});
