// The plain routes alone: an agent whose headers are hidden is a Sidecar to the client.

import { execFileSync } from 'node:child_process';
import { expect, test } from '@jest/globals';
import { sandbox } from '../support/sandbox.js';
import { dir, file, readTree, type Snapshot } from '../support/tree.js';

const MIB = 1024 * 1024;

/** A Sidecar tells neither modes nor more than milliseconds. */
const asSidecarTells = (tree: Snapshot): Record<string, object> =>
  Object.fromEntries(
    Object.entries(tree).map(([key, { mode: _, mtimeUs, ...seen }]) => [
      key,
      mtimeUs === undefined ? seen : { ...seen, mtimeUs: String(BigInt(mtimeUs) / 1_000n) },
    ]),
  );

test('copy, an incremental copy and both verifications through the routes of a Sidecar', async () => {
  const { source, destination, proxy } = sandbox();
  const from = source.write('data', {
    ks: dir({
      't-0a1b': dir({
        'nb-1-big-Data.db': file({ size: 9 * MIB + 1 }),
        'nb-1-big-SAI+aa+GroupComplete.db': 'plus',
        empty: '',
        ...Object.fromEntries(Array.from({ length: 300 }, (_, i) => [`f${i}`, `content ${i}`])),
      }),
      'empty-directory': dir({}),
    }),
  });
  const to = destination.write('data', {});
  const agent = await source.serve([from]);
  const between = await proxy(agent.url, { asSidecar: true });

  expect(await destination.lm(['copy', between.url, to, '--threshold', '0.95'])).toMatchObject({ code: 0 });
  execFileSync('sh', ['-ec', 'cd "$0/ks/t-0a1b"; rm f0; echo longer > f1; echo new > new', from]);
  expect(await destination.lm(['copy', '--threshold', '1.0'])).toMatchObject({ code: 0 });
  expect(asSidecarTells(await readTree(to))).toEqual(asSidecarTells(await readTree(from)));
  for (const algo of ['xxhash32', 'md5'])
    expect(await destination.lm(['verify', '--algo', algo])).toMatchObject({ code: 0, stderr: '' });
}, 120_000);

test('a digest a Sidecar does not know is refused, not guessed', async () => {
  const { source, destination, proxy } = sandbox();
  const agent = await source.serve([source.write('data', { a: 'a' })]);
  const between = await proxy(agent.url, { asSidecar: true });
  expect(await destination.lm(['copy', between.url, destination.write('data', {})])).toMatchObject({ code: 0 });
  const { code, stderr } = await destination.lm(['verify', '--algo', 'xxhash64']);
  expect([2, 7]).toContain(code);
  expect(stderr).toMatch(/xxhash64/);
});

test('an empty listing of a Sidecar never empties the destination', async () => {
  const { source, destination, proxy } = sandbox();
  const from = source.write('data', { a: 'a', b: 'b' });
  const to = destination.write('data', {});
  const agent = await source.serve([from]);
  const between = await proxy(agent.url, { asSidecar: true });
  expect(await destination.lm(['copy', between.url, to])).toMatchObject({ code: 0 });
  const before = await readTree(to);
  execFileSync('sh', ['-c', 'rm "$0"/*', from]);
  expect(await destination.lm(['copy', '--max-delete', '100%'])).toMatchObject({ code: 6 });
  expect(await readTree(to)).toEqual(before);
});
