import { mkdtempSync, realpathSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import type { Row } from '../../src/files/entry.js';
import type { Source } from '../../src/pull/source.js';

const GIB = 2 ** 30;

test('an abort is heard in the middle of a big file, though the source has answered already', async () => {
  const built = new URL('../../dist/modules/pull/digest-both.js', import.meta.url).href;
  const { createDigestBoth }: typeof import('../../src/pull/digest-both.js') = await import(built);
  const path = realpathSync(mkdtempSync(join(tmpdir(), 'lm-digests-')));
  writeFileSync(join(path, 'big'), '');
  truncateSync(join(path, 'big'), 64 * GIB);
  const { mtimeNs, ino } = statSync(join(path, 'big'), { bigint: true });
  const row: Row = ['big', `${64 * GIB}`, `${mtimeNs}`, 0o100644, `${ino}`, 0, 0];
  const stop = new AbortController();
  const source = {
    async *digests() {
      yield { index: 0, digest: '0' };
      setImmediate(() => stop.abort());
    },
  } as unknown as Source;
  const roots = [{ key: 'data/0', type: 'data', index: 0, path }] as const;
  const digests = createDigestBoth(source, roots, 'xxhash64', 1);
  try {
    await expect(digests.compare([{ dir: 'data/0', source: row, local: row }], stop.signal)).rejects.toThrow();
  } finally {
    await digests.close();
    rmSync(path, { recursive: true });
  }
});
