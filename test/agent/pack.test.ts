import { existsSync, lstatSync } from 'node:fs';
import { expect, test } from '@jest/globals';
import { pack, packedBytes } from '../../src/agent/pack.js';
import { excludeNothing } from '../../src/files/filter.js';
import { createXxh64 } from '../../src/files/xxh64.js';
import { type BundleRequest, createFrameReader } from '../../src/wire/frames.js';

/** A file that says it has 4,096 bytes and gives fewer: what a file that shrinks after its fstat looks like. */
const SHORT = '/sys/kernel/uevent_seqnum';

(existsSync(SHORT) ? test : test.skip)(
  'a file that gives less than it said is called changed, and nothing of it is sent',
  async () => {
    const { size, mtimeNs, ino } = lstatSync(SHORT, { bigint: true });
    const request: BundleRequest = {
      kind: 'bundle',
      dirs: [['data/0', [['uevent_seqnum', `${size}`, `${mtimeNs}`, `${ino}`]]]],
    };
    const hash = createXxh64();
    const buffer = Buffer.alloc(packedBytes(request), 0xff);
    const roots = [{ key: 'data/0', type: 'data' as const, index: 0, path: '/sys/kernel' }];
    const bytes = pack(request, buffer, { roots, excludes: excludeNothing, hash });
    let end: string | undefined;
    const sink = {
      refused: (_: number, result: string) => {
        end = result;
      },
      bytes: () => {
        throw new Error('bytes of a file that changed');
      },
      end: () => {},
    };
    const reader = createFrameReader([Number(size)], sink, hash);
    reader.push(buffer.subarray(0, bytes));
    expect([end, reader.done()]).toEqual(['changed', true]);
  },
);
