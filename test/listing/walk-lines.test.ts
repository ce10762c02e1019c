import { mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from '@jest/globals';
import type { Roots } from '../../src/files/roots.js';

const built = new URL('../../dist/modules/listing/walk-lines.js', import.meta.url).href;
const { createWalker }: typeof import('../../src/listing/walk-lines.js') = await import(built);

const path = realpathSync(mkdtempSync(join(tmpdir(), 'lm-walk-lines-')));
const roots: Roots = [{ key: 'data/0', type: 'data', index: 0, path }];
const walker = createWalker();
afterAll(async () => {
  await walker.close();
  rmSync(path, { recursive: true });
});

test('an aborted walk ends in the middle of a chunk, and the next one is whole', async () => {
  writeFileSync(join(path, 'a'), '');
  const gone = new AbortController();
  const first = walker.walk({ roots, filters: [] }, undefined, gone.signal).next();
  gone.abort();
  await expect(first).rejects.toThrow('ended in the middle of its work');
  const { value } = await walker.walk({ roots, filters: [] }, undefined, new AbortController().signal).next();
  expect(value).toMatchObject({ entries: 1, totals: { entries: 1 } });
});
