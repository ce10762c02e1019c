// What an SSTable says of itself, in the read that digests its Data.db; the fixtures are Cassandra's.

import {
  cpSync,
  lstatSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { crc32 } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { type DigestAnswer, digestFiles } from '../../src/digest/digest-files.js';
import { checkText, type SSTableCheck, sstableOf, stateOf } from '../../src/digest/sstable.js';
import { type FileDigest, readDigestLines, writeDigestLine } from '../../src/wire/messages.js';
import { flipBit } from '../support/flip-bit.js';

const FIXTURES = fileURLToPath(new URL('../fixtures/sstables', import.meta.url));

test.each<[Partial<SSTableCheck>, ReturnType<typeof stateOf>, string]>([
  [{}, 'intact', ''],
  [{ stated: null }, 'unchecked', ''],
  [{ stated: '8' }, 'damaged', 'CRC-32 of Data.db is 7, Digest.crc32 says 8'],
  [{ stated: '' }, 'damaged', 'Digest.crc32 is empty'],
  [{ stated: '07' }, 'damaged', 'Digest.crc32 says 07'],
  [{ missing: ['Index.db', 'CRC.db'] }, 'incomplete', 'TOC.txt lists Index.db, CRC.db, not there'],
  [{ stated: null, missing: ['Digest.crc32'] }, 'incomplete', 'TOC.txt lists Digest.crc32, not there'],
  [{ stated: '8', missing: ['Index.db'] }, 'damaged', 'Digest.crc32 says 8'],
])('%j is %s', (but, state, text) => {
  const check = { crc32: 7, stated: '7', missing: [], ...but };
  expect(stateOf(check)).toBe(state);
  if (text !== '') expect(checkText(check)).toContain(text);
});

test.each([
  ['data/0/ks/t/nb-1-big-Data.db', 'data/0/ks/t/nb-1-big-'],
  ['data/0/ks/t/da-3gpj_0abc_1qkxs2v-bti-Data.db', 'data/0/ks/t/da-3gpj_0abc_1qkxs2v-bti-'],
  ['data/0/ks/t/ks-t-ka-1-Data.db', 'data/0/ks/t/ks-t-ka-1-'],
  ['data/0/ks/t/.by_name/nb-1-big-Data.db', 'data/0/ks/t/.by_name/nb-1-big-'],
  ['data/0/ks/t/nb-1-big-Index.db', undefined],
  ['data/0/ks/t/Data.db', undefined],
  ['data/0/ks/t/nb-1-big-Data.db.tmp', undefined],
])('%s', (key, prefix) => expect(sstableOf(key)).toBe(prefix));

/** The first two are computed in lanes, the last one file after another. */
describe.each(['xxhash32', 'md5', 'xxhash64'] as const)('in the read for %s,', (algorithm) => {
  let dir: string;
  beforeEach(() => {
    dir = realpathSync(mkdtempSync(join(tmpdir(), 'lm-sstable-')));
    cpSync(FIXTURES, dir, { recursive: true });
  });
  afterEach(() => rmSync(dir, { recursive: true }));

  async function read(path: string, checksSSTables = true): Promise<DigestAnswer> {
    const { size, mtimeNs, ino } = lstatSync(join(dir, path), { bigint: true });
    const file = { key: `data/0/${path}`, size: `${size}`, mtimeNs: `${mtimeNs}`, ino: `${ino}` };
    const roots = [{ key: 'data/0', type: 'data', index: 0, path: dir }] as const;
    const [answer] = await digestFiles({ algorithm, roots, files: [file], checksSSTables });
    return answer!;
  }

  test('a whole one of each format', async () => {
    const tables = readdirSync(dir).filter((name) => name !== 'README.md');
    expect(tables).toHaveLength(4);
    for (const table of tables) {
      const data = readdirSync(join(dir, table)).find((name) => name.endsWith('-Data.db'))!;
      const sum = crc32(readFileSync(join(dir, table, data)));
      const { digest } = (await read(`${table}/${data}`, false)) as { digest: string };
      expect(await read(`${table}/${data}`)).toEqual({
        digest,
        sstable: { crc32: sum, stated: `${sum}`, missing: [] },
      });
    }
  });

  test('a bit that flipped, in more than one read as well', async () => {
    const [table, big] = ['nb-big-uncompressed', Buffer.alloc(300_000, 'Cassandra')];
    const at = join(dir, table, 'nb-2-big-');
    writeFileSync(`${at}Data.db`, big);
    writeFileSync(`${at}Digest.crc32`, `${crc32(big)}\n`);
    const states = [];
    for (const offset of [0, 150_000, 299_999]) {
      const whole = await read(`${table}/nb-2-big-Data.db`);
      flipBit(`${at}Data.db`, offset);
      const damaged = await read(`${table}/nb-2-big-Data.db`);
      flipBit(`${at}Data.db`, offset);
      states.push([whole, damaged].map((answer) => 'digest' in answer && stateOf(answer.sstable!)));
    }
    expect(states).toEqual(new Array(3).fill(['intact', 'damaged']));
  });

  test.each<[string, string, string[]]>([
    ['a component that is not there', 'Data.db\nIndex.db\nSAI+aa+TermsData.db\n', ['SAI+aa+TermsData.db']],
    ['empty lines and another end of line', 'Data.db\r\n\nIndex.db\r\n', []],
    ['names that no component can have', `../x\n${'n'.repeat(256)}\nDat\0.db\n`, ['../x', 'n'.repeat(255), 'Dat\0.db']],
  ])('a TOC.txt with %s', async (_, toc, missing) => {
    writeFileSync(join(dir, 'nb-big-lz4/nb-2-big-TOC.txt'), toc);
    expect(await read('nb-big-lz4/nb-2-big-Data.db')).toMatchObject({ sstable: { missing } });
  });

  test('a TOC.txt of one long line, as the other end reads it', async () => {
    writeFileSync(join(dir, 'nb-big-lz4/nb-2-big-TOC.txt'), 'n'.repeat(60_000));
    const answer = { index: 0, young: false, ...(await read('nb-big-lz4/nb-2-big-Data.db')) } as FileDigest;
    expect(readDigestLines(writeDigestLine(answer))).toEqual([answer]);
  });

  test('nothing of another file', async () => {
    expect(await read('nb-big-lz4/nb-2-big-Index.db')).toEqual({ digest: expect.any(String) });
  });
});
