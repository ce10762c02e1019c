// Limits that change while a copy, a verification or an agent runs. What is waited for would take hours at the first of them.

import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { LIMIT_FILE } from '../../src/state/lock/limit-request.js';
import { until } from '../support/holders.js';
import { jsonLines } from '../support/lm.js';
import { longTest } from '../support/long-test.js';
import { type Host, sandbox } from '../support/sandbox.js';
import { file, type Tree } from '../support/tree.js';

const MIB = 1 << 20;
const TREE = { big: file({ size: 12 * MIB }), a: file({ size: MIB }), b: file({ size: MIB }) };

const CRAWL = ['--limit-rate', '1KiB/s', '--json'];

async function served(tree: Tree = TREE) {
  const { source, destination } = sandbox();
  const agent = await source.serve([source.write('data', tree)]);
  return { agent, destination, to: destination.path('to') };
}

const summary = (stdout: string) => jsonLines(stdout).at(-1)!;

async function limitOf(host: Host, ...args: string[]) {
  const { code, stdout, stderr } = await host.lm(['limit', '--json', ...args]);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  return summary(stdout);
}

function recordsOf({ stateDir }: Host): string {
  const [name] = readdirSync(stateDir).filter((one) => one.startsWith('destination-'));
  return join(stateDir, name!);
}

test('lm limit changes a copy that runs, for that run alone, and the report tells of it', async () => {
  const { agent, destination, to } = await served();
  const copy = destination.start(['copy', agent.url, to, ...CRAWL]);
  await copy.says(/"state":"DOWNLOADING"/);
  expect(await limitOf(destination)).toMatchObject({ bytesPerSecond: 1024, limit: '1.0 KiB/s' });
  const timetable = '00:00-12:00=2KiB/s, 12:00-24:00=2KiB/s, zone Asia/Tokyo';
  expect(await limitOf(destination, timetable)).toMatchObject({ bytesPerSecond: 2048, limit: '2.0 KiB/s' });
  const status = await destination.lm(['status']);
  expect(status.stdout).toMatch(/^ +limit +2\.0 KiB\/s$/m);
  expect(await limitOf(destination, 'default')).toMatchObject({ bytesPerSecond: 1024, limit: '1.0 KiB/s' });
  expect(await limitOf(destination, 'off')).toMatchObject({ bytesPerSecond: null, limit: 'none' });
  const { code, stdout } = await copy.done;
  expect(code).toBe(0);
  const limits = [2048, 1024, null];
  const said = jsonLines(stdout).filter(({ type }) => type === 'limit');
  expect(said.map(({ by, bytesPerSecond }) => [by, bytesPerSecond])).toEqual(limits.map((one) => ['operator', one]));
  expect(existsSync(join(recordsOf(destination), LIMIT_FILE))).toBe(false);
  const report = summary((await destination.lm(['report', '--json'])).stdout)['report'];
  expect(report.runs[0].limits.map((one: { bytesPerSecond: number }) => one.bytesPerSecond)).toEqual(limits);
  expect((await destination.lm(['report'])).stdout).toMatch(/^ +limit +\S+Z, lm copy, by lm limit: none$/m);
});

longTest('what was asked of one run is nothing to the next', async () => {
  const { agent, destination, to } = await served({ a: 'a' });
  await destination.lm(['copy', agent.url, to]);
  const request = { run: 'another', id: 'x', limit: '1B/s' };
  writeFileSync(join(recordsOf(destination), LIMIT_FILE), JSON.stringify(request), { mode: 0o600 });
  const { code, stdout } = await destination.lm(['copy', '--json']);
  expect(code).toBe(0);
  expect(stdout).not.toContain('"type":"limit"');
});

for (const algo of ['xxhash32', 'xxhash64'])
  longTest(`a verification speeds up at once, and so does what the agent reads for it, by ${algo}`, async () => {
    const { agent, destination, to } = await served({ ...TREE, c: file({ size: MIB }) });
    await destination.lm(['copy', agent.url, to]);
    const verify = destination.start(['verify', '--algo', algo, ...CRAWL]);
    await verify.says(/"type":"progress"/);
    expect(await limitOf(destination, 'off')).toMatchObject({ bytesPerSecond: null });
    expect((await verify.done).code).toBe(0);
  });

test('where nothing runs that could be limited, and for what is no limit, it says so', async () => {
  const { agent, destination, to } = await served({ a: 'a' });
  const limit = (...args: string[]) => destination.lm(['limit', ...args]);
  expect(await limit('1MiB/s')).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('no migration as the destination'),
  });
  await destination.lm(['copy', agent.url, to]);
  expect(await limit('1MiB/s')).toMatchObject({
    code: 6,
    stderr: expect.stringMatching(
      /^lm limit: no copy or verification of this migration runs here\nhint: --limit-rate.*\nerror refused \(6\): /,
    ),
  });
  expect(await limit()).toMatchObject({ code: 6 });
  expect(await limit('0')).toMatchObject({
    code: 2,
    stderr: expect.stringMatching(/^lm limit: RATE: got '0', takes a rate/),
  });
  expect(await limit('1MiB/s', '--instance', 'none')).toMatchObject({ code: 2 });
  expect(existsSync(join(recordsOf(destination), LIMIT_FILE))).toBe(false);
});

test('a timetable says at the start by whose clock it goes, at both ends, and where it is asked for', async () => {
  const { source, destination } = sandbox();
  const berlin = '08:00-18:00=50MiB/s, else 400MiB/s, zone Europe/Berlin';
  const line = /^limit: (50|400)\.0 MiB\/s until (08|18):00, then (50|400)\.0 MiB\/s \(Europe\/Berlin\)$/m;
  const agent = await source.serve([source.write('data', { a: 'a' }), '--limit-rate', berlin]);
  expect((await source.lm(['status'])).stdout).toMatch(/^ +limit +.*\(Europe\/Berlin\)$/m);
  const { code, stdout } = await destination.lm(['copy', agent.url, destination.path('to'), '--limit-rate', berlin]);
  expect(code).toBe(0);
  expect(stdout).toMatch(line);
  expect(agent.process.stdout()).toMatch(line);
  const shown = await destination.lm(['config', 'show'], {
    env: { LM_LIMIT_RATE: berlin.replace(', zone Europe/Berlin', '') },
  });
  expect(shown.stdout).toContain(`else 400MiB/s, zone ${Intl.DateTimeFormat().resolvedOptions().timeZone}`);
});

test('SIGHUP: the agent takes the limit of its settings file, and keeps the one it has for what is no limit', async () => {
  const { source, destination } = sandbox();
  const settings = (text: string): void => writeFileSync(source.path('lm.yaml'), text, { mode: 0o600 });
  const from = source.write('data', TREE);
  settings('limit_rate: 1KiB/s\n');
  const agent = await source.serve([from]);
  const copy = destination.start(['copy', agent.url, destination.path('to'), '--json']);
  await copy.says(/"state":"DOWNLOADING"/);
  settings('limit_rate: 08:00-18:00=1KiB/s\n');
  agent.process.kill('SIGHUP');
  const kept =
    /^warning: keeping the limit in use: limit_rate \(.*lm\.yaml:1\): got '.*\nhint: nothing holds on Mon at 00:00/m;
  await until(() => kept.test(agent.process.stderr()));
  settings('limit_rate: off\n');
  agent.process.kill('SIGHUP');
  await agent.process.says(/^read again \(SIGHUP\): .*limit new \(none\)/m);
  expect((await copy.done).code).toBe(0);
  agent.process.kill('SIGHUP');
  await agent.process.says(/limit unchanged \(none\)/);
});

longTest(
  'a process that is stopped takes no limit, which is said after a while, and leaves nothing behind',
  async () => {
    const { agent, destination, to } = await served();
    const copy = destination.start(['copy', agent.url, to, ...CRAWL], { kept: false });
    await copy.says(/"state":"DOWNLOADING"/);
    copy.kill('SIGSTOP');
    const { code, stderr } = await destination.lm(['limit', 'off']);
    copy.kill('SIGCONT');
    expect({ code, stderr }).toEqual({
      code: 6,
      stderr: expect.stringContaining('what runs here does not say what it keeps to: a process of uid'),
    });
    expect(existsSync(join(recordsOf(destination), LIMIT_FILE))).toBe(false);
    expect(await limitOf(destination, 'off')).toMatchObject({ bytesPerSecond: null });
    expect((await copy.done).code).toBe(0);
  },
);
