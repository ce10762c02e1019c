import { statfsSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { checkSpace, type SpaceNeed } from '../../src/guards/guard-space.js';

const here = statfsSync(tmpdir(), { bigint: true });
const free = here.bavail * here.bsize;
const GIB = 1n << 30n;

const need = (more: Partial<SpaceNeed> = {}): SpaceNeed => ({
  name: 'data/0',
  path: tmpdir(),
  bytes: 0n,
  inodes: 0n,
  ...more,
});

const refusal = async (...needs: SpaceNeed[]): Promise<{ code: string; message: string; details: string[] }> => {
  const error = await checkSpace(needs).then(
    () => undefined,
    (reason) => reason,
  );
  if (!error) throw new Error('not refused');
  return error;
};

test('what fits is accepted, also for directories that do not exist yet', async () => {
  await checkSpace([
    need({ bytes: free / 2n, inodes: 1n }),
    need({ path: join(tmpdir(), 'not/there/yet'), bytes: 1n }),
  ]);
  await checkSpace([]);
});

test('what does not fit is a local fault, with the figures', async () => {
  const { code, message, details } = await refusal(need({ bytes: free + 8n * GIB, inodes: 3n }));
  expect(code).toBe('local');
  expect(message).toMatch(
    /^not enough space for data\/0: [\d.]+ [GTP]iB \(\d+ bytes\) needed, [\d.]+ \wiB \(\d+ bytes\) free$/,
  );
  expect(message).toContain(`(${free + 8n * GIB} bytes) needed`);
  expect(details).toEqual([expect.stringMatching(/^data\/0 \(\/.*\) needs .* and 3 inodes$/)]);
});

test('needs on one file system are summed', async () => {
  const half = (name: string) => need({ name, bytes: free / 2n + 4n * GIB });
  await checkSpace([half('data/0')]);
  const { message, details } = await refusal(half('data/0'), half('state directory'));
  expect(message).toContain('not enough space for data/0, state directory');
  expect(details).toHaveLength(2);
});

const other = ['/dev/shm', '/run'].find((path) => statSync(path).dev !== statSync(tmpdir()).dev);

(other ? test : test.skip)('needs on different file systems are not', async () => {
  const elsewhere = statfsSync(other!, { bigint: true });
  const fits = need({ name: 'data/1', path: other!, bytes: (elsewhere.bavail * elsewhere.bsize) / 2n });
  await checkSpace([need({ bytes: free / 2n }), fits]);
  const { message, details } = await refusal(need({ bytes: free * 2n }), fits);
  expect([message, ...details].join()).not.toContain('data/1');
});

describe('inodes', () => {
  (here.files > 0n ? test : test.skip)('are counted like bytes', async () => {
    const { message } = await refusal(need({ inodes: here.ffree + 1_000_000n }));
    expect(message).toMatch(/^not enough inodes for data\/0: \d+ needed, \d+ free$/);
  });

  test('are not counted where the file system makes them as needed', async () => {
    expect(statfsSync('/proc').files).toBe(0);
    await checkSpace([need({ path: '/proc', inodes: 1_000_000n })]);
  });
});
