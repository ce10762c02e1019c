import { existsSync, lstatSync } from 'node:fs';
import { expect, test } from '@jest/globals';
import { pack, packedBytes } from '../../src/agent/pack.js';
import { createBlockHasher } from '../../src/files/digest.js';
import { excludeNothing } from '../../src/files/filter.js';
import { type BundleRequest, createFrameReader } from '../../src/wire/frames.js';

/** A file that says it has 4,096 bytes and gives fewer: what a file that shrinks after its fstat looks like. */
const SHORT = '/sys/kernel/uevent_seqnum';

(existsSync(SHORT) ? test : test.skip)(
  'a file that gives less than it said is filled up and called changed',
  async () => {
    const { size, mtimeNs, ino } = lstatSync(SHORT, { bigint: true });
    const request: BundleRequest = {
      kind: 'bundle',
      dirs: [['data/0', [['uevent_seqnum', `${size}`, `${mtimeNs}`, `${ino}`]]]],
    };
    const hash = await createBlockHasher();
    const buffer = Buffer.alloc(packedBytes(request), 0xff);
    const roots = [{ key: 'data/0', type: 'data' as const, index: 0, path: '/sys/kernel' }];
    const bytes = pack(request, buffer, { roots, excludes: excludeNothing, hash });
    let got = Buffer.alloc(0);
    let end: string | undefined;
    const sink = {
      refused: (_: number, result: string) => {
        end = result;
      },
      bytes: (_: number, chunk: Uint8Array) => {
        got = Buffer.concat([got, chunk]);
      },
      end: (_: number, how: string) => {
        end = how;
      },
    };
    createFrameReader([Number(size)], sink, hash).push(buffer.subarray(0, bytes));
    expect(end).toBe('changed');
    expect(got.toString()).toMatch(/^\d+\n\0+$/);
  },
);
