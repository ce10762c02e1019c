// A source that is written to, truncated, grown, renamed and deleted while it is copied.

import { appendFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { expect, test } from '@jest/globals';
import { until } from '../support/holders.js';
import { jsonLines } from '../support/lm.js';
import { startMutator } from '../support/mutate.js';
import { startProxy } from '../support/proxy.js';
import { sandbox } from '../support/sandbox.js';
import { dir, file, readTree } from '../support/tree.js';

const MIB = 1024 * 1024;

test.each([1, 2, 3])(
  'at 0.95 while it changes, at 1.0 once it stands still: nothing is lost (seed %d)',
  async (seed) => {
    const { source, destination, defer } = sandbox();
    // Most of the tree stands still: all that comes and goes, however much of it during a slow pass, is below 5 % of the bytes, and far
    // below what --max-delete takes for a mistake.
    const big = [1, 2, 3].map((i) => [`still${i}`, file({ size: 16 * MIB, seed: i })]);
    const small = Array.from({ length: 500 }, (_, i) => [`f${i}`, `content ${i}`]);
    const from = source.write('data', Object.fromEntries([...big, ...small]));
    const to = destination.write('data', {});
    const agent = await source.serve([from]);
    const mutator = startMutator(`${from}/busy`, { seed, everyMs: 1, maxBytes: 8 * 1024 });
    defer(() => mutator.stop());
    await mutator.reaches(300);

    const live = await destination.lm(['copy', agent.url, to, '--threshold', '0.95']);
    expect(live).toMatchObject({ code: 0 });
    expect(live.stdout).toMatch(/^next: stop the service on the source, then lm copy --threshold 1\.0$/m);
    await mutator.reaches(mutator.changes() + 100);
    mutator.stop();

    expect(await destination.lm(['copy', '--threshold', '1.0'])).toMatchObject({ code: 0 });
    expect(await readTree(to)).toEqual(await readTree(from));
    expect(await destination.lm(['verify'])).toMatchObject({ code: 0 });
  },
);

/** Too big for a bundle, which is read whole before anything is sent; and slow, so that the change falls into its middle. */
test.each([
  ['grows', (path: string) => appendFileSync(path, 'more')],
  ['is truncated', (path: string) => truncateSync(path, 1)],
  ['is rewritten at equal size', (path: string) => writeFileSync(path, Buffer.alloc(12 * MIB, 'n'))],
])('a file that %s while it is read is never published torn', async (_, change) => {
  const { source, destination, defer } = sandbox();
  const from = source.write('data', { big: file({ size: 12 * MIB }), small: 's' });
  const to = destination.write('data', {});
  const agent = await source.serve([from, '--limit-rate', '16MiB/s']);
  const proxy = await startProxy(agent.url, {});
  defer(() => proxy.stop());
  const copy = destination.start(['copy', proxy.url, to, '--json', '--threshold', '0.95']);
  await copy.says(/"DOWNLOADING"/);
  await until(() => proxy.passed() >= 2 * MIB);
  change(`${from}/big`);
  const { code, stdout } = await copy.done;
  const summary = jsonLines(stdout).at(-1)!;
  expect(code).toBe(0);
  expect(summary['report'].status.some((pass: { filesChanged: number }) => pass.filesChanged > 0)).toBe(true);
  expect(await readTree(to)).toEqual(await readTree(from));
});

test('a new directory that the threshold does not wait for is left to the next copy', async () => {
  const { source, destination } = sandbox();
  const from = source.write('data', { big: file({ size: MIB }), d: dir({ a: 'a' }) });
  const to = destination.write('data', {});
  const agent = await source.serve([from]);
  expect(await destination.lm(['copy', agent.url, to])).toMatchObject({ code: 0 });
  source.write('data', { new: dir({ deeper: dir({ b: 'b' }) }) });
  rmSync(`${from}/d/a`); // whose directory has to be given its time again
  expect(await destination.lm(['copy', '--threshold', '0.95'])).toMatchObject({ code: 0, stderr: '' });
  expect(await destination.lm(['copy'])).toMatchObject({ code: 0 });
  expect(await readTree(to, { directoryTimes: true })).toEqual(await readTree(from, { directoryTimes: true }));
});
