// What the time since the final copy began was spent on: copy, verify and complete tell it as the report does, and its parts add up.

import { expect, test } from '@jest/globals';
import type { Downtime } from '../../src/report/downtime.js';
import { jsonLines } from '../support/lm.js';
import { longTest } from '../support/long-test.js';
import { type Host, sandbox } from '../support/sandbox.js';
import { settled } from '../support/settled.js';
import { dir, file } from '../support/tree.js';

const sumOf = ({ parts }: Downtime): number => parts.reduce((sum, { ms }) => sum + ms, 0);
const namesOf = ({ parts }: Downtime): string[] => parts.map(({ name }) => name);
const msOf = ({ parts }: Downtime, wanted: string): number => parts.find(({ name }) => name === wanted)?.ms ?? 0;

async function run(host: Host, ...args: string[]) {
  const beganMs = Date.now();
  const { code, stdout } = await host.lm([...args, '--json']);
  const tookMs = Date.now() - beganMs;
  expect(code).toBe(0);
  const lines = jsonLines(stdout);
  const told = lines.map(({ ts }) => Date.parse(ts as string));
  const { downtime } = lines.at(-1) as { downtime?: Downtime };
  return { lines, downtime, tookMs, toldMs: told.at(-2)! - told[0]! }; // the summary comes once the evidence is written
}

test('the parts of a final copy add up to what it took; verify and complete go on from there, as the report does', async () => {
  const { source, destination } = sandbox();
  const from = source.write('srv', { ks: dir({ big: file({ size: 12_000_000, seed: 1 }), small: 'x' }) });
  const agent = await source.serve([from]);
  const live = await run(destination, 'copy', agent.url, destination.path('srv'), '--threshold', '0.9');
  expect(live.downtime).toBeUndefined();

  source.write('srv', { ks: dir({ small: 'longer' }) });
  await settled(from);
  const { downtime: copied, ...final } = await run(destination, 'copy');
  expect(sumOf(copied!)).toBe(copied!.totalMs);
  expect(namesOf(copied!)).toEqual(expect.arrayContaining(['guards', 'list', 'fetch', 'sync']));
  expect(copied!.totalMs).toBeLessThanOrEqual(final.tookMs);
  expect(copied!.totalMs).toBeGreaterThanOrEqual(final.toldMs - ROUNDED_MS);

  const { downtime: verified, ...verification } = await run(destination, 'verify');
  expect(verified).toMatchObject({ beganAtMs: copied!.beganAtMs, parts: expect.arrayContaining(copied!.parts) });
  expect(namesOf(verified!).slice(-2)).toEqual(['verify', 'between commands']);
  expect(sumOf(verified!)).toBe(verified!.endedAtMs - copied!.beganAtMs);
  expect(msOf(verified!, 'verify')).toBeLessThanOrEqual(verification.tookMs);
  expect(msOf(verified!, 'verify')).toBeGreaterThanOrEqual(verification.toldMs - ROUNDED_MS);
  expect((await run(destination, 'verify', '--incremental', '--live')).downtime).toBeUndefined();

  expect((await run(destination, 'verify', '--incremental')).downtime).toMatchObject({ beganAtMs: copied!.beganAtMs });
  const completed = await run(destination, 'complete');
  const report = (await run(destination, 'report')).lines.at(-1)!['report'] as { downtime: Downtime };
  expect(completed.downtime).toEqual(report.downtime);
  expect(sumOf(report.downtime)).toBe(report.downtime.totalMs);
  expect(msOf(report.downtime, 'verify')).toBeGreaterThan(msOf(verified!, 'verify')); // all three that were made
});

/** The evidence rounds its times, and those of the lines are cut to milliseconds. */
const ROUNDED_MS = 2;

longTest('people read it in one line', async () => {
  const { source, destination } = sandbox();
  const from = source.write('srv', { a: 'a' });
  await settled(from);
  const agent = await source.serve([from]);
  const line = / {2}downtime +\d\S*( s)? since the final copy began: [^\n]*list \d/;
  expect((await destination.lm(['copy', agent.url, destination.path('srv')])).stdout).toMatch(line);
  expect((await destination.lm(['verify'])).stdout).toMatch(/ {2}downtime .*: .*verify \d/);
  expect((await destination.lm(['complete'])).stdout).toMatch(/^downtime: .* since the final copy began: .*verify \d/m);
});
