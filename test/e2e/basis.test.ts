// A source that is written to in place all the time: what came of it is no waste, and nothing torn gets a final name.

import { existsSync, readdirSync, rmSync, statSync, utimesSync } from 'node:fs';
import { expect, test } from '@jest/globals';
import { sample } from '../support/form.js';
import { until } from '../support/holders.js';
import { type JsonLine, jsonLines } from '../support/lm.js';
import { longTest } from '../support/long-test.js';
import { isOneState, stampPages, startPageWriter } from '../support/page-writer.js';
import { sandbox } from '../support/sandbox.js';
import { file, readTree } from '../support/tree.js';

const MIB = 2 ** 20;
const PAGES_OF_MIB = 128;

/** A file of 64 MiB, of which four are written to. */
async function scene(everyMs: number, setsBack = false) {
  const box = sandbox();
  const from = box.source.write('data', { big: file({ size: 64 * MIB }), still: file({ size: MIB, seed: 7 }) });
  const writing = { path: `${from}/big`, firstPage: 40 * PAGES_OF_MIB, pages: 4 * PAGES_OF_MIB, everyMs, setsBack };
  stampPages(writing);
  if (setsBack) utimesSync(writing.path, 1_000_000, 1_000_000);
  const writer = await startPageWriter(writing);
  box.defer(writer.stop);
  return { ...box, from, to: box.destination.write('data', {}), writer, writing };
}

const passes = (stdout: string): JsonLine[] => jsonLines(stdout).at(-1)!['report'].status;
const partsIn = (path: string): string[] => readdirSync(path).filter((name) => name.endsWith('.lm-part'));
const isPublishedWhole = ({ writing, to }: Awaited<ReturnType<typeof scene>>): boolean =>
  !existsSync(`${to}/big`) || isOneState({ ...writing, path: `${to}/big` });

test('what came of a file that changes in every read is the basis of the next pass, and of the final one', async () => {
  const at = await scene(2);
  const { source, destination, proxy, from, to, writer } = at;
  const agent = await source.serve([from]);
  const line = await proxy(agent.url);
  const live = await destination.lm(['copy', line.url, to, '--threshold', '0.95', '--json']);
  expect(live.code).toBe(0);
  const [first, second, last] = passes(live.stdout);
  expect(first).toMatchObject({ filesChanged: 1, bytesBasis: 64 * MIB });
  expect(second).toMatchObject({ filesChanged: 1, bytesBasis: 64 * MIB });
  expect(second!['bytesReceived']).toBeLessThanOrEqual(5 * MIB); // the blocks that are written to, once more
  expect(second!['bytesReused']).toBe(0); // nothing of it is proved
  expect(last).toMatchObject({ state: 'SUCCESS', filesLeft: 1, bytesLeft: 64 * MIB });
  expect(readdirSync(to).sort()).toEqual([...partsIn(to), 'still']);
  expect(statSync(`${to}/${partsIn(to)[0]}`)).toMatchObject({ size: 64 * MIB });

  await writer.stop();
  const before = line.passed();
  const final = await destination.lm(['copy', '--json']);
  expect(final.code).toBe(0);
  expect(passes(final.stdout)[0]).toMatchObject({ filesDownloaded: 1, bytesDownloaded: 64 * MIB });
  expect(line.passed() - before).toBeLessThanOrEqual(5 * MIB);
  expect(await readTree(to)).toEqual(await readTree(from));
  expect(partsIn(to)).toEqual([]);
});

longTest.each([
  ['', false],
  [' whose time is set back after each', true],
])('a file that changes between any two reads is never published%s', async (_, setsBack) => {
  const at = await scene(1, setsBack);
  const { source, destination, from, to, writer } = at;
  const agent = await source.serve([from]);
  const copy = destination.start(['copy', agent.url, to, '--allow-live-source', '--max-iterations', '3', '--json']);
  const { stdout } = await copy.done;
  expect(passes(stdout).some(({ bytesBasis }) => bytesBasis > 0)).toBe(true);
  expect(existsSync(`${to}/big`)).toBe(false);
  await writer.stop();
  expect(await destination.lm(['copy'])).toMatchObject({ code: 0 });
  expect(await readTree(to)).toEqual(await readTree(from));
});

test.each(
  sample<[string, boolean]>(2, [
    [', also if its time is set back after each', true],
    ['', false],
  ]),
)('a file that is written to now and then is published as it was at one time%s', async (_, setsBack) => {
  const at = await scene(250, setsBack);
  const { source, destination, from, to, writer } = at;
  const agent = await source.serve([from]);
  const copy = destination.start(['copy', agent.url, to, '--allow-live-source', '--max-iterations', '6', '--json']);
  let isOver = false;
  void copy.done.then(() => {
    isOver = true;
  });
  await until(() => !isPublishedWhole(at) || isOver);
  expect(isPublishedWhole(at)).toBe(true);
  await copy.done;
  await writer.stop();
  expect(await destination.lm(['copy'])).toMatchObject({ code: 0 });
  expect(isPublishedWhole(at)).toBe(true);
});

test('killed in the middle of a file that changes, the next copy goes on with what came, and nothing of it is taken as proved', async () => {
  const at = await scene(2);
  const { source, destination, proxy, from, to, writer } = at;
  const agent = await source.serve([from]);
  const line = await proxy(agent.url, { bytesPerSecond: 64 * MIB });
  const dying = destination.start(['copy', line.url, to, '--threshold', '0.95', '--concurrency', '2']);
  await line.hasPassed(40 * MIB);
  dying.kill('SIGKILL');
  await dying.done;
  const [part] = partsIn(to);
  const { ino } = statSync(`${to}/${part}`);
  await writer.stop();
  const before = line.passed();
  const { code, stdout } = await destination.lm(['copy', '--json']);
  expect(code).toBe(0);
  expect(passes(stdout)[0]!['bytesReused']).toBeGreaterThanOrEqual(20 * MIB);
  expect(line.passed() - before).toBeLessThanOrEqual(45 * MIB);
  expect(statSync(`${to}/big`).ino).toBe(ino);
  expect(await readTree(to)).toEqual(await readTree(from));
});

test('a basis goes when its file has vanished at the source, and with --delta never', async () => {
  const at = await scene(2);
  const { source, destination, from, to, writer } = at;
  const agent = await source.serve([from]);
  const live = async (...more: string[]) =>
    await destination.lm(['copy', agent.url, to, '--threshold', '0.95', '--json', ...more]);
  expect(partsOf(await live())).toEqual([64 * MIB, 64 * MIB]);
  expect(partsIn(to)).toHaveLength(1);
  expect(partsOf(await live('--delta', 'never'))).toEqual([undefined, undefined]);
  expect(partsIn(to)).toEqual([]);
  await live();
  expect(partsIn(to)).toHaveLength(1);
  await writer.stop();
  rmSync(`${from}/big`);
  expect(await destination.lm(['copy'])).toMatchObject({ code: 0 });
  expect(readdirSync(to)).toEqual(['still']);
});

/** What each pass that downloaded has kept. */
const partsOf = ({ stdout }: { stdout: string }): unknown[] =>
  passes(stdout)
    .filter(({ filesChanged }) => filesChanged > 0)
    .map(({ bytesBasis }) => bytesBasis);
