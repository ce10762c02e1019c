// A source that is written to, truncated, grown, renamed and deleted while it is copied.

import { appendFileSync, truncateSync, writeFileSync } from 'node:fs';
import { expect, test } from '@jest/globals';
import { jsonLines } from '../support/lm.js';
import { startMutator } from '../support/mutate.js';
import { sandbox } from '../support/sandbox.js';
import { dir, file, readTree } from '../support/tree.js';

const MIB = 1024 * 1024;

test.each([1, 2, 3])(
  'at 0.95 while it changes, at 1.0 once it stands still: nothing is lost (seed %d)',
  async (seed) => {
    const { source, destination, defer } = sandbox();
    const still = Array.from({ length: 1_000 }, (_, i) => [`still${i}`, file({ size: i * 100 })]);
    const from = source.write('data', { big: file({ size: 64 * MIB }), still: dir(Object.fromEntries(still)) });
    const to = destination.write('data', {});
    const agent = await source.serve([from]);
    const mutator = startMutator(`${from}/busy`, { seed, everyMs: 5 });
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
  120_000,
);

/** Too big for a bundle and slow enough that there is a middle for the change to fall into. */
const BIG = 48 * MIB;

test.each([
  ['grows', (path: string) => appendFileSync(path, 'more')],
  ['is truncated', (path: string) => truncateSync(path, 1)],
  ['is rewritten at equal size', (path: string) => writeFileSync(path, Buffer.alloc(BIG, 'n'))],
])('a file that %s while it is read is never published torn', async (_, change) => {
  const { source, destination, proxy } = sandbox();
  const from = source.write('data', { big: file({ size: BIG }), small: 's' });
  const to = destination.write('data', {});
  const agent = await source.serve([from, '--limit-rate', '16MiB/s']);
  const between = await proxy(agent.url, {});
  const copy = destination.start(['copy', between.url, to, '--json', '--threshold', '0.9', '--max-iterations', '3']);
  await copy.says(/"DOWNLOADING"/);
  while (between.passed() < 8 * MIB) await new Promise((resolve) => setTimeout(resolve, 10));
  change(`${from}/big`);
  const { code, stdout } = await copy.done;
  const summary = jsonLines(stdout).at(-1)!;
  expect(code).toBe(0);
  expect(summary.report.status.some((pass: { filesChanged: number }) => pass.filesChanged > 0)).toBe(true);
  expect(await readTree(to)).toEqual(await readTree(from));
});
