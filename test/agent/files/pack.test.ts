import { existsSync, lstatSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { afterAll, expect, test } from '@jest/globals';
import { pack, packedBytes } from '../../../src/agent/files/pack.js';
import { createXxh64 } from '../../../src/digest/kernels/xxh64.js';
import { excludeNothing } from '../../../src/patterns/filter.js';
import type { RequestedFile } from '../../../src/wire/file-requests.js';
import { type BundleRequest, createFrameReader, type FrameSink } from '../../../src/wire/frames.js';

const ROOT = mkdtempSync(join(tmpdir(), 'lm-pack-'));
afterAll(() => rmSync(ROOT, { recursive: true }));

/** The frame of a file that is requested with its own size, or with `size`. */
function packed(path: string, size?: string): { end: string; bytes: Buffer } {
  const stat = lstatSync(path, { bigint: true });
  const file: RequestedFile = [basename(path), size ?? `${stat.size}`, `${stat.mtimeNs}`, `${stat.ino}`];
  const request: BundleRequest = { kind: 'bundle', dirs: [['data/0', [file]]] };
  const hash = createXxh64();
  const buffer = Buffer.alloc(packedBytes(request), 0xff);
  const roots = [{ key: 'data/0', type: 'data' as const, index: 0, path: dirname(path) }];
  const { bytes: length } = pack(request, buffer, { roots, excludes: excludeNothing, hash });
  const received = { end: 'missing', bytes: Buffer.alloc(0) };
  const sink: FrameSink = {
    refused: (_, result, message) => {
      received.end = `${result}: ${message}`;
    },
    bytes: (_, chunk) => {
      received.bytes = Buffer.concat([received.bytes, chunk]);
    },
    end: (_, end) => {
      received.end = end;
    },
  };
  const reader = createFrameReader([Number(file[1])], sink, hash);
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
    expect([whole.end, whole.bytes.equals(Buffer.alloc(bytes, 'x'))]).toEqual(['as-promised', true]);
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
