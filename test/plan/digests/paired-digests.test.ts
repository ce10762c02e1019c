import { mkdtempSync, realpathSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import type { DigestOptions, Source } from '../../../src/source/source.js';
import { fileEntry } from '../../support/entries.js';

const GIB = 2 ** 30;

test('an abort takes effect in the middle of a big file, also after the source has answered', async () => {
  const built = new URL('../../../dist/modules/plan/digests/paired-digests.js', import.meta.url).href;
  const { createPairedDigests }: typeof import('../../../src/plan/digests/paired-digests.js') = await import(built);
  const path = realpathSync(mkdtempSync(join(tmpdir(), 'lm-digests-')));
  writeFileSync(join(path, 'big'), '');
  truncateSync(join(path, 'big'), 64 * GIB);
  const { mtimeNs, ino } = statSync(join(path, 'big'), { bigint: true });
  const big = fileEntry('big', { size: `${64 * GIB}`, mtimeNs: `${mtimeNs}`, ino: `${ino}` });
  const stop = new AbortController();
  const source = {
    async *digests() {
      yield [{ index: 0, digest: '0' }];
      setImmediate(() => stop.abort());
    },
  } as unknown as Source;
  const roots = [{ key: 'data/0', type: 'data', index: 0, path }] as const;
  const digests = createPairedDigests(source, roots, 'xxhash64', 1);
  try {
    await expect(digests.compare([{ dir: 'data/0', source: big, local: big }], stop.signal)).rejects.toThrow();
  } finally {
    await digests.close();
    rmSync(path, { recursive: true });
  }
});

test('bytes are counted as they are read, in the middle of a file too', async () => {
  const built = new URL('../../../dist/modules/plan/digests/paired-digests.js', import.meta.url).href;
  const { createPairedDigests }: typeof import('../../../src/plan/digests/paired-digests.js') = await import(built);
  const path = realpathSync(mkdtempSync(join(tmpdir(), 'lm-digests-')));
  writeFileSync(join(path, 'big'), '');
  truncateSync(join(path, 'big'), 64 * GIB);
  const { mtimeNs, ino } = statSync(join(path, 'big'), { bigint: true });
  const big = fileEntry('big', { size: `${64 * GIB}`, mtimeNs: `${mtimeNs}`, ino: `${ino}` });
  const source = {
    async *digests() {
      yield [{ index: 0, digest: '0' }];
    },
  } as unknown as Source;
  const roots = [{ key: 'data/0', type: 'data', index: 0, path }] as const;
  const stop = new AbortController();
  for (const algorithm of ['xxhash64', 'md5'] as const) {
    const digests = createPairedDigests(source, roots, algorithm, 1);
    const compared = digests.compare([{ dir: 'data/0', source: big, local: big }], stop.signal);
    compared.catch(() => {});
    while (digests.bytesRead() === 0) await new Promise((resolve) => setImmediate(resolve));
    expect(digests.bytesRead()).toBeLessThan(64 * GIB);
    await digests.close();
    await expect(compared).rejects.toThrow();
  }
  rmSync(path, { recursive: true });
});

test('what the source says it has read, and how it yields, is told of all calls together', async () => {
  const built = new URL('../../../dist/modules/plan/digests/paired-digests.js', import.meta.url).href;
  const { createPairedDigests }: typeof import('../../../src/plan/digests/paired-digests.js') = await import(built);
  const states = [{ bytesPerSecond: 8, pressure: 0.5 }, { why: 'no file' }];
  const seen: unknown[] = [];
  let digests: ReturnType<typeof createPairedDigests>;
  const source = {
    async *digests(_: unknown, files: unknown[], __: unknown, { progress }: DigestOptions) {
      progress!({ bytes: 5, yielding: states.shift() });
      seen.push([digests.bytesReadThere(), digests.yielding()]);
      yield files.map((_file, index) => ({ index, digest: '0' }));
      progress!({ bytes: 7, yielding: undefined });
    },
  } as unknown as Source;
  digests = createPairedDigests(source, [], 'xxhash64', 1);
  const ask = () => digests.answers([], [], new AbortController().signal);
  await ask();
  await ask();
  expect(seen).toEqual([
    [5, { source: { bytesPerSecond: 8, pressure: 0.5 } }],
    [12, { source: { why: 'no file' } }],
  ]);
  expect(digests.bytesReadThere()).toBe(14);
  await digests.close();
});
