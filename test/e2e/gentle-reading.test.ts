// How gently a verification reads: at a limit, beside others who wait for the disk, and at the other end of an older lm.

import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from '@jest/globals';
import { readIoPressure } from '../../src/pace/io-pressure.js';
import { sample } from '../support/form.js';
import { jsonLines } from '../support/lm.js';
import { longTest } from '../support/long-test.js';
import { startProxy } from '../support/proxy.js';
import { type Host, sandbox } from '../support/sandbox.js';
import { file } from '../support/tree.js';

const MIB = 1 << 20;
const BYTES = 8 * MIB;

const TREE = { a: file({ size: BYTES / 2 }), b: file({ size: BYTES / 2 }) };

const isKnown = 'waitedUs' in readIoPressure();

async function copied(serve: string[] = [], options: { bin?: string } = {}) {
  const { source, destination, defer } = sandbox();
  const agent = await source.serve([source.write('data', TREE), ...serve], options);
  expect(await destination.lm(['copy', agent.url, destination.path('to')])).toMatchObject({ code: 0 });
  return { agent, destination, defer };
}

async function timed(destination: Host, args: string[]) {
  const begun = performance.now();
  const finished = await destination.lm(args);
  return { ...finished, seconds: (performance.now() - begun) / 1000 };
}

const progressOf = (stdout: string) => jsonLines(stdout).filter(({ type }) => type === 'progress');

test.each(sample(2, ['xxhash32', 'xxhash64']))(
  'verify --limit-rate reads no faster, and knows how long it will take, by %s',
  async (algo) => {
    const { destination } = await copied();
    const flags = ['verify', '--algo', algo, '--limit-rate', '2MiB/s', '--json'];
    const { code, stdout, stderr, seconds } = await timed(destination, flags);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(BYTES).toBeLessThanOrEqual(2 * MIB * seconds * 1.5);
    const progress = progressOf(stdout).map(({ ts, bytesDone }) => ({
      at: Date.parse(ts as string),
      bytesDone: Number(bytesDone),
    }));
    const [first, last] = [progress[0]!, progress.at(-1)!];
    expect(progress.length).toBeGreaterThan(2);
    expect(last.bytesDone - first.bytesDone).toBeLessThanOrEqual(2 * MIB * ((last.at - first.at) / 1000 + 1.5) * 1.5);
    const steps = new Set(progress.map(({ bytesDone }) => bytesDone));
    expect(steps.size).toBeGreaterThan(2); // it goes up as the files are read, not when they are done
  },
);

longTest('a limit of the agent alone shows in the progress too', async () => {
  const { destination } = await copied(['--limit-rate', '3MiB/s']);
  const { code, stdout } = await timed(destination, ['verify', '--json']);
  expect(code).toBe(0);
  const between = progressOf(stdout).filter(
    ({ bytesDone }) => Number(bytesDone) > BYTES / 2 && Number(bytesDone) < BYTES,
  );
  expect(between.length).toBeGreaterThan(0); // this host has read all long before
});

test('verify --yield-to-io shows at which rate, and under which pressure, each end reads', async () => {
  const { destination } = await copied();
  const { code, stdout, stderr } = await destination.lm([
    'verify',
    '--yield-to-io',
    '--yield-floor',
    '1MiB/s',
    '--json',
  ]);
  expect(code).toBe(0);
  if (!isKnown) {
    expect(stderr).toMatch(/this host does not yield: .*no --limit-rate/);
    expect(stdout).not.toContain('"yielding"');
    return;
  }
  const end = { bytesPerSecond: expect.any(Number), pressure: expect.any(Number) };
  expect(progressOf(stdout)).toContainEqual(expect.objectContaining({ yielding: { source: end, destination: end } }));
});

longTest('copy --diff checksum compares at its --limit-rate', async () => {
  const { agent, destination } = await copied();
  const other = destination.write('other', TREE); // of another time, and with no proof
  const flags = ['copy', agent.url, other, '--adopt', '--diff', 'checksum', '--limit-rate', '2MiB/s', '--json'];
  const { code, stdout, seconds } = await timed(destination, flags);
  const passes: { filesDownloaded: number }[] = jsonLines(stdout).at(-1)!['report'].status;
  expect({ code, downloaded: passes.map((pass) => pass.filesDownloaded) }).toEqual({
    code: 0,
    downloaded: passes.map(() => 0), // the digests are equal: only times were set
  });
  expect(BYTES).toBeLessThanOrEqual(2 * MIB * seconds * 1.5);
});

longTest('an interrupted verification at a low limit ends at once', async () => {
  const { destination } = await copied();
  const verify = destination.start(['verify', '--limit-rate', '1KiB/s', '--json']);
  await verify.says(/"type":"progress"/);
  const begun = performance.now();
  verify.kill('SIGINT');
  expect(await verify.done).toMatchObject({ code: 130 });
  expect(performance.now() - begun).toBeLessThan(20_000); // it would take hours
});

longTest('an older agent reads at its own speed, which is said', async () => {
  const unpacked = mkdtempSync(join(tmpdir(), 'lm-frozen-'));
  const frozen = fileURLToPath(new URL('../frozen', import.meta.url));
  const name = readdirSync(frozen).find((one) => one.endsWith('.tgz'))!;
  execFileSync('tar', ['-xzf', join(frozen, name), '-C', unpacked]);
  try {
    const { destination } = await copied([], { bin: join(unpacked, 'package/bin/lm.js') });
    const { code, stderr, seconds } = await timed(destination, ['verify', '--limit-rate', '4MiB/s']);
    expect(code).toBe(0);
    expect(stderr).toContain('the source has an older lm, which knows no --limit-rate for digests');
    expect(BYTES).toBeLessThanOrEqual(4 * MIB * seconds * 1.5);
    expect((await destination.lm(['verify'])).stderr).toBe('');
  } finally {
    rmSync(unpacked, { recursive: true });
  }
});

longTest('so does a Sidecar', async () => {
  const { agent, destination, defer } = await copied();
  const sidecar = await startProxy(agent.url, { asSidecar: true });
  defer(sidecar.stop);
  const { stderr } = await destination.lm(['verify', sidecar.url, '--limit-rate', '100MiB/s', '--yield-to-io']);
  expect(stderr).toContain('the source is a Sidecar, which knows no --limit-rate and --yield-to-io for digests');
});
