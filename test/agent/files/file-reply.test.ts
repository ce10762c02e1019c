import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { decide, etagOf } from '../../../src/agent/files/file-reply.js';
import { parseRange } from '../../../src/agent/files/range.js';

const stat = { size: 1000n, mtimeNs: 1_731_000_001_456_789_012n, ino: 42n };
const ETAG = '"3e8-1805bf5481085614-2a"';
const MODIFIED = 'Thu, 07 Nov 2024 17:20:01 GMT';

describe('decide', () => {
  test('a whole file carries its validators', () =>
    expect(decide(stat, 'x.db', {})).toEqual({
      reply: {
        status: 200,
        headers: {
          etag: ETAG,
          'last-modified': MODIFIED,
          'accept-ranges': 'bytes',
          'content-type': 'application/octet-stream',
          'x-content-type-options': 'nosniff',
          'content-length': 1000,
        },
      },
      range: { start: 0, end: 1000 },
    }));

  test.each<[Record<string, string>, number, string | undefined]>([
    [{ range: 'bytes=0-499' }, 206, 'bytes 0-499/1000'],
    [{ range: 'bytes=999-' }, 206, 'bytes 999-999/1000'],
    [{ range: 'bytes=-1' }, 206, 'bytes 999-999/1000'],
    [{ range: 'bytes=500-5000' }, 206, 'bytes 500-999/1000'],
    [{ range: 'bytes=1000-' }, 416, 'bytes */1000'],
    [{ range: 'Bytes=0-1' }, 416, 'bytes */1000'],
    [{ range: 'bytes= 0-1' }, 416, 'bytes */1000'],
    [{ range: 'bytes=-' }, 416, 'bytes */1000'],
    [{ range: 'bytes=0-499', 'if-range': ETAG }, 206, 'bytes 0-499/1000'],
    [{ range: 'bytes=0-499', 'if-range': MODIFIED }, 206, 'bytes 0-499/1000'],
    [{ range: 'bytes=0-499', 'if-range': '"other"' }, 200, undefined],
    [{ range: 'bytes=0-499', 'if-range': `W/${ETAG}` }, 200, undefined],
    [{ range: 'bytes=0-499', 'if-range': 'Thu, 07 Nov 2024 17:20:02 GMT' }, 200, undefined],
    [{ 'if-none-match': ETAG }, 304, undefined],
    [{ 'if-none-match': `"a", W/${ETAG}` }, 304, undefined],
    [{ 'if-none-match': '*', range: 'bytes=0-1' }, 304, undefined],
    [{ 'if-none-match': '"a"' }, 200, undefined],
  ])('%j → %i %s', (headers, status, contentRange) => {
    const { reply } = decide(stat, 'x.db', headers);
    expect(reply.status).toBe(status);
    expect(reply.headers['content-range']).toBe(contentRange);
    if (status !== 304) expect(Number(reply.headers['content-length'])).toBeGreaterThan(0);
  });

  test('a date that the file may still outlive is no validator', () => {
    const now = Date.now();
    const young = { ...stat, mtimeNs: BigInt(now) * 1_000_000n };
    const headers = { range: 'bytes=0-1', 'if-range': new Date(now).toUTCString() };
    expect(decide(young, 'x', headers).reply.status).toBe(200);
  });

  test('HEAD has no ranges', () => expect(decide(stat, 'x', { range: 'bytes=0-1' }, 'HEAD').reply.status).toBe(200));

  test('an empty file has nothing to send', () => {
    const { reply, range } = decide({ ...stat, size: 0n }, 'x', {});
    expect([reply.status, range]).toEqual([416, undefined]);
  });

  test.each([
    ['TOC.txt', 'text/plain'],
    ['a.JSON', 'application/json'],
    ['x.db', 'application/octet-stream'],
    ['txt', 'application/octet-stream'],
  ])('%s is %s', (name, type) => expect(decide(stat, name, {}).reply.headers['content-type']).toBe(type));
});

test('two files that differ in size, time or inode differ in their tag', () => {
  const tags = [stat, { ...stat, size: 1001n }, { ...stat, mtimeNs: stat.mtimeNs + 1n }, { ...stat, ino: 43n }];
  expect(new Set(tags.map(etagOf)).size).toBe(4);
});

test('a range is never empty and never leaves the file', () => {
  const header = fc.oneof(
    fc.tuple(fc.nat(300), fc.nat(300)).map(([a, b]) => `bytes=${a}-${b}`),
    fc.nat(300).map((a) => `bytes=${a}-`),
    fc.nat(300).map((n) => `bytes=-${n}`),
    fc.string(),
  );
  fc.assert(
    fc.property(header, fc.integer({ min: 1, max: 200 }), (header, size) => {
      const range = parseRange(header, size);
      if ('problem' in range) return;
      expect(range.start).toBeGreaterThanOrEqual(0);
      expect(range.end).toBeGreaterThan(range.start);
      expect(range.end).toBeLessThanOrEqual(size);
    }),
  );
});
