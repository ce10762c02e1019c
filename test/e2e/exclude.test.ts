// Shell globs that leave entries out, for a service that is no Cassandra: stated at either end, neither copied nor removed, and said.

import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { jsonLines } from '../support/lm.js';
import { sandbox } from '../support/sandbox.js';
import { dir } from '../support/tree.js';

const TREE = {
  'a.db': 'a',
  'b.tmp': 'b',
  cache: dir({ x: 'x' }),
  ks: dir({ cache: 'a file', 'c.tmp': 'c', t: dir({ d: 'd' }) }),
};

test('what the destination excludes is not copied, not removed, remembered, and named at every end', async () => {
  const { source, destination } = sandbox();
  const from = source.write('data', TREE);
  const to = destination.write('data', { own: dir({ 'mine.tmp': 'mine' }), cache: dir({ y: 'y' }) });
  const { url } = await source.serve([from]);
  const copied = await destination.lm(['copy', url, to, '--adopt', '--exclude', '*.tmp', '--exclude', 'data/0/cache/']);
  expect(copied).toMatchObject({ code: 0, stderr: '' });
  const excluded = / excluded +3 at the source: data\/0\/b\.tmp, data\/0\/cache, data\/0\/ks\/c\.tmp$/m;
  expect(copied.stdout).toMatch(excluded);
  expect(copied.stdout).toMatch(/ left here +1 /);
  for (const name of ['b.tmp', 'cache/x', 'ks/c.tmp']) expect(existsSync(join(to, name))).toBe(false);
  expect(readFileSync(join(to, 'ks/cache'), 'utf8')).toBe('a file');
  for (const name of ['own/mine.tmp', 'cache/y']) expect(existsSync(join(to, name))).toBe(true);

  const again = await destination.lm(['copy', '--json']);
  expect(jsonLines(again.stdout).at(-1)!['report'].leftOut).toMatchObject({
    excludedAtSource: { entries: 3 },
    excludedHere: { entries: 2 },
  });
  const verified = await destination.lm(['verify']);
  expect(verified.code).toBe(0);
  expect(verified.stdout).toMatch(excluded);
});

test('what the source excludes is not listed, not served and not removed; a client that does not know of it is refused', async () => {
  const { source, destination } = sandbox();
  const from = source.write('data', TREE);
  const to = destination.write('data', {});
  const { url } = await source.serve([from, '--exclude', '**/*.tmp']);
  expect(await destination.lm(['copy', url, to])).toMatchObject({
    code: 0,
    stdout: expect.stringMatching(/ excluded +2 at the source: data\/0\/b\.tmp, data\/0\/ks\/c\.tmp$/m),
  });
  expect(existsSync(join(to, 'b.tmp'))).toBe(false);
  destination.write('data', { 'kept.tmp': 'kept' });
  expect(await destination.lm(['copy'])).toMatchObject({ code: 0 });
  expect(existsSync(join(to, 'kept.tmp'))).toBe(true);

  const base = `${url}/api/v1/live-migration/files`;
  expect((await fetch(`${base}/data/0/a.db`)).status).toBe(200);
  expect((await fetch(`${base}/data/0/b.tmp`)).status).toBe(404);
  const older = await fetch(base, { headers: { accept: 'application/x-ndjson' } });
  expect([older.status, await older.text()]).toEqual([
    409,
    expect.stringContaining('--exclude, which this client does not know'),
  ]);
});

test('globs that leave no file are no success, and malformed ones are named with where they stand', async () => {
  const { source, destination } = sandbox();
  const from = source.write('data', TREE);
  const to = destination.write('data', {});
  const { url } = await source.serve([from]);
  for (const glob of ['**', '!(t|ks)'])
    expect(await destination.lm(['copy', url, to, '--exclude', glob])).toMatchObject({
      code: 6,
      stderr: expect.stringMatching(/leaves no file to copy|nothing that could be copied/),
    });
  const odd = await destination.lm(['copy', url, to, '--exclude', 'a[']);
  expect(odd).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('exclude: a[: it cannot be compiled: Missing closing'),
  });
});
