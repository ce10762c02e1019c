// Files that are being written to while the source is live: left by copies below 1.0, counted apart, and brought by the final pass.

import { appendFileSync, linkSync, rmSync, writeFileSync } from 'node:fs';
import { afterEach, expect, test } from '@jest/globals';
import { holdOpen, release } from '../support/holders.js';
import { type JsonLine, jsonLines } from '../support/lm.js';
import { sandbox } from '../support/sandbox.js';
import { file, readTree } from '../support/tree.js';

afterEach(release);

const MIB = 2 ** 20;
const last = (stdout: string): JsonLine => jsonLines(stdout).at(-1)!['report'].status.at(-1);

function roots() {
  const box = sandbox();
  const types = ['data', 'commitlog', 'cdc_raw', 'hints'] as const;
  const at = (host: 'source' | 'destination') =>
    types.flatMap((type) => ['--root', `${type}=${box[host].write(type, {})}`]);
  return { ...box, there: at('source'), here: [...at('destination'), '--allow-running'], types };
}

test('a commit log, its CDC twin, hints and a data file that changes in every read', async () => {
  const { source, destination, there, here, types } = roots();
  source.write('data', { busy: file({ size: 9 * MIB }), still: file({ size: MIB }) });
  source.write('commitlog', { 'CommitLog-7-1.log': file({ size: 4 * MIB }) });
  linkSync(source.path('commitlog', 'CommitLog-7-1.log'), source.path('cdc_raw', 'CommitLog-7-1.log'));
  source.write('cdc_raw', { 'CommitLog-7-1_cdc.idx': '4096', 'CommitLog-7-0_cdc.idx': '9\nCOMPLETED\n' });
  source.write('hints', { 'h-1-2.hints': 'old', 'h-1-2.crc32': 'x', 'h-2-2.hints': 'new' });
  for (const path of ['commitlog/CommitLog-7-1.log', 'hints/h-2-2.hints']) await holdOpen(source.path(path));
  destination.write('commitlog', { 'CommitLog-7-1.log': 'older' });
  const agent = await source.serve([...there, '--limit-rate', '6MiB/s']);

  const copy = destination.start([
    ...['copy', agent.url, ...here, '--threshold', '0.95', '--json', '--adopt', '--max-delete', '100%'],
  ]);
  for (const pass of [0, 1]) {
    await copy.says(new RegExp(`"iteration":${pass},"state":"DOWNLOADING"`));
    appendFileSync(source.path('data', 'busy'), 'more');
    appendFileSync(source.path('commitlog', 'CommitLog-7-1.log'), 'a mutation');
  }
  const { code, stdout } = await copy.done;
  expect(code).toBe(0);
  expect(last(stdout)).toMatchObject({ state: 'SUCCESS', iteration: 2, filesLeft: 4, matchRatio: 1 });
  expect(last(stdout)['bytesLeft']).toBeGreaterThan(17 * MIB);
  expect(last(stdout)['firstLeft']).toEqual([
    ...['cdc_raw/0/CommitLog-7-1.log', 'commitlog/0/CommitLog-7-1.log', 'data/0/busy', 'hints/0/h-2-2.hints'],
  ]);
  expect(last(stdout)['roots'].map(({ key, left }: JsonLine) => [key, left.entries])).toEqual([
    ...[
      ['cdc_raw/0', 1],
      ['commitlog/0', 1],
      ['data/0', 1],
      ['hints/0', 1],
    ],
  ]);
  expect(jsonLines(stdout).at(-1)!['message']).toMatch(
    /^100 % of the bytes match \(4 hot files, 17\.0 MiB, left for the final pass\), 95 % was asked for$/,
  );
  expect(await readTree(destination.path('commitlog'))).toMatchObject({ 'CommitLog-7-1.log': { size: 5 } }); // as it was

  const text = await destination.lm(['copy', '--threshold', '0.95', '--allow-running']);
  expect(text.code).toBe(0);
  expect(text.stdout).toMatch(/^ {2}matching {3,}\d+ % \(3 hot files, 8\.0 MiB, left for the final pass\) of /m);
  expect(text.stdout).toMatch(
    /^ {2}left {3,}cdc_raw\/0\/CommitLog-7-1\.log, commitlog\/0\/CommitLog-7-1\.log, hints\/0/m,
  );

  await release(); // the service has stopped, and its hints were delivered
  rmSync(source.path('hints', 'h-2-2.hints'));
  const final = await destination.lm(['copy', '--json', '--allow-running']);
  expect(final.code).toBe(0);
  expect(last(final.stdout)).toMatchObject({ state: 'SUCCESS', filesLeft: 0, bytesLeft: 0 });
  for (const type of types) expect(await readTree(destination.path(type))).toEqual(await readTree(source.path(type)));
});

test('a copy that finds nothing but hot files ends with 3', async () => {
  const { source, destination } = sandbox();
  const from = source.write('log', { 'CommitLog-7-1.log': 'log' });
  const to = destination.write('log', {});
  const agent = await source.serve(['--root', `commitlog=${from}`]);
  await holdOpen(`${from}/CommitLog-7-1.log`);
  const args = ['copy', agent.url, '--root', `commitlog=${to}`, '--allow-running', '--threshold', '0.5'];
  const { code, stdout } = await destination.lm(args);
  expect(code).toBe(3);
  expect(stdout).toMatch(
    /^copy: there is nothing to copy but files that are being written to \(1 hot file, 3 B, left/m,
  );
  expect(stdout).toMatch(/^next: stop the service on the source, then lm copy --threshold 1\.0$/m);
  writeFileSync(`${from}/other`, 'x');
  expect(await destination.lm(args)).toMatchObject({ code: 0 });
});
