import { describe, expect, test } from '@jest/globals';
import {
  type DigestLine,
  type FileDigest,
  readDigestLines,
  writeDigestLine,
  writeDigestRows,
} from '../../src/wire/messages.js';

describe('a line of digests', () => {
  const LINES: DigestLine[] = [
    { index: 0, digest: 'a' },
    { index: 1, digest: 'a', young: true },
    { index: 2, digest: 'a', young: false, sstable: { crc32: 0xffffffff, stated: '4294967295', missing: [] } },
    { index: 3, digest: 'a', young: false, sstable: { crc32: 0, stated: null, missing: ['Index.db'] } },
    { index: 4, digest: null, result: 'failed', message: 'EIO' },
    { index: 5, digest: 'a', young: false, ctimeNs: '1700000000123456789' },
    { index: 6, digest: 'a', young: false, sstable: { crc32: 0, stated: null, missing: [] }, ctimeNs: '0' },
    { type: 'progress', bytes: 7 },
    { type: 'progress', bytes: 7, yielding: { bytesPerSecond: 8, pressure: 0.25 } },
    { type: 'progress', bytes: 7, yielding: { why: 'no file' } },
    { type: 'end', files: 7 },
  ];
  test.each(LINES)('%j reads back', (line) => expect(readDigestLines(writeDigestLine(line))).toEqual([line]));

  test('of several files reads back', () => {
    const files = LINES.filter((line): line is FileDigest => !('type' in line));
    expect(readDigestLines(writeDigestRows(files))).toEqual(files);
  });

  test.each([
    ['a CRC-32 of more than 32 bits', '[0,"a",0,{"crc32":4294967296,"stated":null,"missing":[]}]'],
    ['a negative one', '[0,"a",0,{"crc32":-1,"stated":null,"missing":[]}]'],
    ['without what is missing', '[0,"a",0,{"crc32":1,"stated":null}]'],
    ['a negative index', '[-1,"a",0]'],
    ['a digest too long', `[0,"${'a'.repeat(9000)}",0]`],
    ['a number for young', '[0,"a",2]'],
    ['a ctime that is no number', '[0,"a",0,null,"1.5"]'],
    ['a name too long', `[0,"a",0,{"crc32":1,"stated":null,"missing":["${'n'.repeat(9000)}"]}]`],
  ])('is refused with %s', (_, line) => {
    for (const text of [line, `[${line}]`, `[[0,"a",0],${line}]`])
      expect(() => readDigestLines(text)).toThrow(/a line of digests has an unexpected/);
  });
});
