// A copy that dies goes on where it was, inside big files too.

import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { expect, test } from '@jest/globals';
import { until } from '../support/holders.js';
import { jsonLines } from '../support/lm.js';
import { longTest } from '../support/long-test.js';
import { type Host, sandbox } from '../support/sandbox.js';
import { dir, file, readTree } from '../support/tree.js';

const MIB = 1024 * 1024;

/** Bytes of `big` that its journal says are there. */
function bytesJournaled({ stateDir }: Host): number {
  const [instance] = readdirSync(stateDir).filter((name) => name.startsWith('destination-'));
  const lines = readFileSync(`${stateDir}/${instance}/journal.jsonl`, 'utf8').matchAll(
    /"range-done","key":"data\/0\/big".*?"length":(\d+)/g,
  );
  return [...lines].reduce((sum, [, length]) => sum + Number(length), 0);
}

test('killed in the middle of a big file, the next copy keeps the ranges that had arrived', async () => {
  const { source, destination, proxy } = sandbox();
  const from = source.write('data', { big: file({ size: 128 * MIB }), small: 's' });
  const to = destination.write('data', {});
  const agent = await source.serve([from]);
  const between = await proxy(agent.url, { stallAfter: 100 * MIB });

  const dying = destination.start(['copy', between.url, to, '--concurrency', '1']);
  await between.stalled;
  await until(() => bytesJournaled(destination) >= 64 * MIB); // what was passed on may still be on its way to the disk
  dying.kill('SIGKILL');
  expect(await dying.done).toMatchObject({ signal: 'SIGKILL' });
  expect(readdirSync(to)).not.toContain('big');

  const { code, stdout } = await destination.lm(['copy', agent.url, '--json']);
  expect(code).toBe(0);
  const { status } = jsonLines(stdout).at(-1)!['report'];
  expect(status[0].iteration).toBe(0);
  expect(status[0].bytesReused).toBeGreaterThanOrEqual(64 * MIB);
  expect(status[0].bytesReceived + status[0].bytesReused).toBeLessThanOrEqual(129 * MIB);
  expect(await readTree(to)).toEqual(await readTree(from));
  expect(readdirSync(to).filter((name) => name.endsWith('.lm-part'))).toEqual([]);
});

longTest('a copy that was content with less keeps unfinished work for the next', async () => {
  const { source, destination, proxy } = sandbox();
  const from = source.write('data', { small: file({ size: 6 * MIB }) });
  const to = destination.write('data', {});
  const agent = await source.serve([from]);
  expect(await destination.lm(['copy', agent.url, to])).toMatchObject({ code: 0 });
  source.write('data', { big: file({ size: 80 * MIB }) });
  const between = await proxy(agent.url, { stallAfter: 60 * MIB });
  const dying = destination.start(['copy', between.url, '--concurrency', '1']);
  await between.stalled;
  await until(() => bytesJournaled(destination) >= 40 * MIB);
  dying.kill('SIGKILL');
  await dying.done;
  const keptBytes = bytesJournaled(destination);

  expect(await destination.lm(['copy', agent.url, '--threshold', '0.05'])).toMatchObject({ code: 0 });
  const { stdout } = await destination.lm(['copy', '--json']);
  const { bytesReused } = jsonLines(stdout).at(-1)!['report'].status[0];
  expect(bytesReused).toBeGreaterThanOrEqual(keptBytes); // and what it had no time to write down
  expect(bytesReused).toBeLessThanOrEqual(60 * MIB);
  expect(await readTree(to)).toEqual(await readTree(from));
});

test('of what arrived of a file that is another by now, nothing is taken', async () => {
  const { source, destination, proxy } = sandbox();
  const from = source.write('data', { big: file({ size: 128 * MIB, seed: 1 }) });
  const to = destination.write('data', {});
  const agent = await source.serve([from]);
  const between = await proxy(agent.url, { stallAfter: 100 * MIB });
  const dying = destination.start(['copy', between.url, to, '--concurrency', '1']);
  await between.stalled;
  await until(() => bytesJournaled(destination) > 0);
  dying.kill('SIGKILL');
  await dying.done;

  source.write('data', { big: file({ size: 128 * MIB, seed: 2 }) });
  const { code, stdout } = await destination.lm(['copy', agent.url, '--json']);
  expect(code).toBe(0);
  expect(jsonLines(stdout).at(-1)!['report'].status[0].bytesReused).toBe(0);
  expect(await readTree(to)).toEqual(await readTree(from));
});

test('unfinished work goes, whatever has become of the directory it lies in', async () => {
  const { source, destination } = sandbox();
  const from = source.write('data', { a: 'a', changed: 'a file by now' });
  const to = destination.write('data', {});
  const agent = await source.serve([from]);
  const part = '.lm-0123456789abcdef.lm-part';
  expect(await destination.lm(['copy', agent.url, to])).toMatchObject({ code: 0 });
  destination.write('data', { gone: dir({ [part]: 'x' }), [part]: dir({ in: 'i' }) });
  rmSync(`${to}/changed`);
  destination.write('data', { changed: dir({ [part]: 'x' }) });
  expect(await destination.lm(['copy', '--adopt', '--max-delete', '100%'])).toMatchObject({ code: 0 });
  expect(await readTree(to)).toEqual(await readTree(from));
});

test('a listing that breaks off is asked for again', async () => {
  const { source, destination, proxy } = sandbox();
  const names = Array.from({ length: 2_000 }, (_, i) => [`file-${i}`, '']);
  const from = source.write('data', Object.fromEntries(names));
  const to = destination.write('data', {});
  const agent = await source.serve([from]);
  const between = await proxy(agent.url, { cutAfter: 80_000 });
  const { code, stdout } = await destination.lm(['copy', between.url, to, '--json']);
  expect(code).toBe(0);
  expect(jsonLines(stdout).filter(({ type, what }) => type === 'retried' && what === 'the listing')).toHaveLength(1);
  expect(await readTree(to)).toEqual(await readTree(from));
});
