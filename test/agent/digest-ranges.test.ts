import { lstatSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from '@jest/globals';
import { crc32 } from 'hash-wasm';
import { CRC32C } from '../../src/digest/crc32c.js';
import { writeFileRequest } from '../../src/wire/file-requests.js';

const MIB = 1 << 20;
const dir = realpathSync(mkdtempSync(join(tmpdir(), 'lm-agents-')));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

/** What an agent says that divides big files so. */
async function answerOf(digestAlgorithm: string, rangeBytes: number): Promise<string> {
  const built = new URL('../../dist/modules/agent/replies/digests-reply.js', import.meta.url).href;
  const { createDigests }: typeof import('../../src/agent/replies/digests-reply.js') = await import(built);
  const roots = [{ key: 'data/0', type: 'data', index: 0, path: dir }] as const;
  const digests = createDigests(roots, [], () => {}, { paces: [] }, { rangeBytes });
  const { size, mtimeNs, ino } = lstatSync(join(dir, 'big'), { bigint: true });
  const request = writeFileRequest({ digestAlgorithm }, [['data/0', [['big', `${size}`, `${mtimeNs}`, `${ino}`]]]]);
  try {
    const { body } = await digests.many(request, new AbortController().signal);
    let text = '';
    for await (const chunk of body as AsyncIterable<Uint8Array>) text += Buffer.from(chunk).toString();
    return text;
  } finally {
    await digests.close();
  }
}

test('agents that divide a file otherwise between their threads answer the same', async () => {
  const content = Buffer.alloc(7 * MIB + 3, 'words of no length that fits; ');
  writeFileSync(join(dir, 'big'), content);
  for (const algorithm of ['crc32c', 'xxhash64-blocks']) {
    const [first, ...others] = await Promise.all([1, 3, 64].map((mib) => answerOf(algorithm, mib * MIB)));
    expect(others).toEqual([first, first]);
    if (algorithm === 'crc32c') expect(first).toContain(`"${(await crc32(content, CRC32C)).replace(/^0+/, '')}"`);
  }
});
