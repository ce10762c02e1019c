// Metrics for Prometheus: of a copy and of a verification, in a file and over HTTP, and of an agent.

import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { describe, expect, test } from '@jest/globals';
import { until } from '../support/holders.js';
import { jsonLines } from '../support/lm.js';
import { longTest } from '../support/long-test.js';
import { ofRun, samplesIn } from '../support/metrics.js';
import { type Host, sandbox } from '../support/sandbox.js';
import { file } from '../support/tree.js';

const textOf = async (url: string, headers: Record<string, string> = {}) => (await fetch(url, { headers })).text();

const TREE = { a: 'a', b: 'bb', big: file({ size: 9_000_000 }) };

async function migration() {
  const { source, destination, proxy } = sandbox();
  const agent = await source.serve([source.write('srv', TREE)]);
  const to = destination.path('srv');
  mkdirSync(destination.path('textfile'));
  const path = destination.path('textfile/lm.prom');
  const copy = (...args: string[]) => ['copy', agent.url, to, '--instance', 'one', '--threshold', '0.9', ...args];
  const told = (command: 'copy' | 'verify' = 'copy') => ofRun(readFileSync(path, 'utf8'), 'one', command);
  return { destination, proxy, to, agent, path, copy, told };
}

describe('--metrics-file', () => {
  test('has a copy that has succeeded, then a verification that finds what differs, for everybody to read', async () => {
    const { destination, to, path, copy, told } = await migration();
    const copied = await destination.lm(copy('--metrics-file', path, '--limit-rate', '1GB/s'));
    expect(copied).toMatchObject({ code: 0 });
    const ended = told();
    expect(ended).toMatchObject({
      'lm_phase{phase="SUCCESS"}': 1,
      ...{ lm_pass: 1, lm_threshold_ratio: 0.9, lm_match_ratio: 1, lm_source_bytes: 9_000_003, lm_source_files: 3 },
      ...{ lm_bytes_transferred_total: 9_000_003, lm_files_transferred_total: 3, lm_throttle_bytes_per_second: 1e9 },
    });
    expect(ended['lm_last_success_timestamp_seconds']).toBe(ended['lm_run_end_timestamp_seconds']);
    for (const name of ['lm_run_exit_code', 'lm_run_in_progress', 'lm_remaining_bytes', 'lm_files_failed_total'])
      expect(samplesIn(readFileSync(path, 'utf8'))).toHaveProperty([`${name}{migration="one",command="copy"}`], 0);
    expect(statSync(path).mode & 0o777).toBe(0o644);
    expect(readdirSync(destination.path('textfile'))).toEqual(['lm.prom']);

    writeFileSync(`${to}/b`, 'xy');
    writeFileSync(`${to}/c`, '');
    expect(await destination.lm(['verify'], { env: { LM_METRICS_FILE: path } })).toMatchObject({ code: 4 });
    expect(told('verify')).toMatchObject({
      ...{ lm_run_exit_code: 4, lm_verify_matched_files: 2, 'lm_phase{phase="FAILED"}': 1 },
      ...{ 'lm_verify_mismatches_total{kind="mtime"}': 1, 'lm_verify_mismatches_total{kind="not-found-at-source"}': 1 },
    });
    expect(told('verify')).not.toHaveProperty('lm_last_success_timestamp_seconds');
  });

  longTest('a copy that a guard has refused names the guard', async () => {
    const { destination, to, path, copy } = await migration();
    await destination.lm(copy('--metrics-file', path));
    const guards = () =>
      Object.entries(samplesIn(readFileSync(path, 'utf8'))).filter(([name]) => name.startsWith('lm_guard_ok{'));
    expect(guards().length).toBeGreaterThan(10);
    expect(guards().filter(([, isOk]) => isOk !== 1)).toEqual([]);
    writeFileSync(`${to}/big`, 'somebody else has written this');
    const { code, stderr } = await destination.lm(copy('--metrics-file', path));
    expect(code).toBe(6);
    expect(stderr).toMatch(/^error max-delete \(6\)/m);
    expect(guards().filter(([, isOk]) => isOk !== 1)).toEqual([
      ['lm_guard_ok{migration="one",command="copy",guard="max-delete"}', 0],
    ]);
  });

  longTest(
    'a copy that fails keeps the time of the last success; one that is turned away or dry leaves the file',
    async () => {
      const { destination, agent, path, copy, told } = await migration();
      await destination.lm(copy('--metrics-file', path));
      const succeeded = told()['lm_last_success_timestamp_seconds']!;
      const before = readFileSync(path, 'utf8');
      const dry = await destination.lm(copy('--metrics-file', path, '--dry-run'));
      expect(dry).toMatchObject({ code: 0, stdout: expect.stringContaining('no metrics are shown of a dry run\n') });
      expect(readFileSync(path, 'utf8')).toBe(before);
      await agent.stop();
      expect(await destination.lm(copy('--metrics-file', path, '--retry-for', '0s'))).toMatchObject({ code: 5 });
      expect(told()['lm_last_success_timestamp_seconds']).toBeCloseTo(succeeded, 0); // from the records: a moment before the exit
      expect(told()).toMatchObject({ lm_run_exit_code: 5, 'lm_phase{phase="FAILED"}': 1 });
      expect(told()).not.toHaveProperty('lm_run_in_progress');
    },
  );

  test.each<[string, (host: Host) => string, RegExp]>([
    [
      'no directory',
      () => '/nowhere/lm.prom',
      /^lm copy: --metrics-file: \/nowhere\/lm\.prom cannot be written: ENOENT$/m,
    ],
    [
      'a pipe',
      (host) => host.path('pipe'), // as /dev/null, whose place the file took if this failed
      /^lm copy: --metrics-file: .*\/pipe is no regular file, and the metrics would take its place$/m,
    ],
    ['a root', (host) => host.path('srv/lm.prom'), /^lm copy: --metrics-file: .*\/srv\/lm\.prom lies in data\/0 /m],
    ['a link', (host) => host.path('link'), /^lm copy: --metrics-file: .*\/link is no regular file/m],
  ])('%s is refused before anything is there', async (_, named, stderr) => {
    const { destination, copy } = await migration();
    symlinkSync('elsewhere', destination.path('link'));
    execFileSync('mkfifo', [destination.path('pipe')]);
    const refused = await destination.lm(copy('--metrics-file', named(destination)));
    expect(refused).toMatchObject({ code: 2, stdout: '', stderr: expect.stringMatching(stderr) });
    expect(refused.stderr).toContain('\nerror output-file (2): nothing was begun\n');
    expect(await destination.lm(['instances', '--json'])).toMatchObject({
      stdout: expect.not.stringContaining('"one"'),
    });
  });

  longTest('one that can be written no more is a warning, and the copy goes on', async () => {
    const { destination, path, copy } = await migration();
    const gone = `rm -rf ${destination.path('textfile')}`;
    const copied = await destination.lm(copy('--metrics-file', path, '--pre-check', gone, '--json'));
    const why = `cannot write metrics to ${path}: ENOENT`;
    expect(copied).toMatchObject({ code: 0, stderr: expect.stringContaining(`warning: ${why}; the run goes on\n`) });
    expect(copied.stderr).toMatch(new RegExp(`^warning: ${why}$`, 'm'));
    expect(jsonLines(copied.stdout).at(-1)).toMatchObject({ type: 'summary', exitCode: 0 });
  });
});

describe('--metrics-listen', () => {
  test('answers while a copy runs, and an interruption ends both; another run there is told so', async () => {
    const { destination, proxy, agent, path, to } = await migration();
    const slow = await proxy(agent.url, { bytesPerSecond: 2_000_000 });
    const words = ['copy', slow.url, to, '--instance', 'one', '--metrics-file', path, '--metrics-listen'];
    const running = destination.start([...words, '0']);
    const [, url] = await running.says(/^metrics at (http:\/\/127\.0\.0\.1:\d+\/metrics)$/m);
    await running.says(/^iteration 0: DOWNLOADING$/m);
    await until(async () => ofRun(await textOf(url!), 'one', 'copy')['lm_done_bytes'] !== undefined);
    const now = ofRun(await textOf(url!), 'one', 'copy');
    expect(now).toMatchObject({
      lm_run_in_progress: 1,
      'lm_phase{phase="DOWNLOADING"}': 1,
      lm_planned_bytes: 9_000_003,
    });
    expect(now['lm_done_bytes']! + now['lm_remaining_bytes']!).toBe(9_000_003);
    expect(now).not.toHaveProperty('lm_run_exit_code');
    expect((await fetch(url!, { headers: { origin: 'http://elsewhere' } })).status).toBe(403);
    expect((await fetch(url!.replace('/metrics', '/'))).status).toBe(404);
    expect((await fetch(url!, { method: 'POST' })).status).toBe(405);

    const { port } = new URL(url!);
    const second = await destination.lm(['copy', slow.url, destination.path('other'), '--metrics-listen', port]);
    expect(second).toMatchObject({
      ...{ code: 2, stdout: '' },
      stderr: expect.stringMatching(
        `^lm copy: --metrics-listen: cannot listen on 127.0.0.1, port ${port}: EADDRINUSE\nhint: `,
      ),
    });
    const held = readFileSync(path, 'utf8');
    expect(await destination.lm([...words, '0'])).toMatchObject({ code: 9 });
    expect(readFileSync(path, 'utf8')).toBe(held);

    running.kill('SIGINT');
    expect(await running.done).toMatchObject({ code: 130 });
    const ended = ofRun(readFileSync(path, 'utf8'), 'one', 'copy');
    expect(ended).toMatchObject({ lm_run_exit_code: 130, 'lm_phase{phase="CANCELLED"}': 1 });
    await expect(fetch(url!)).rejects.toThrow();
  });

  test.each([
    ['copy', ':9044', 'LM_METRICS_LISTEN', '--metrics-file FILE'],
    ['serve', '10.0.0.1:9044', 'LM_METRICS_LISTEN', '/metrics where the agent itself listens'],
  ])('of lm %s is for loopback alone', async (command, address, named, way) => {
    const { destination } = sandbox();
    const words = command === 'copy' ? ['http://127.0.0.1:1', destination.path('srv')] : [destination.write('srv', {})];
    const refused = await destination.lm([command, ...words], { env: { LM_METRICS_LISTEN: address } });
    expect(refused).toMatchObject({ code: 2, stdout: '' });
    expect(refused.stderr).toMatch(`lm ${command}: ${named}: got '${address}', takes a loopback address`);
    expect(refused.stderr).toMatch(`hint: 127.0.0.1:9044; for other hosts: ${way}`);
  });
});

describe('an agent', () => {
  test('tells its requests, bytes, files and refusals to whoever may list, and on a port of its own to this host', async () => {
    const { source, destination } = sandbox();
    const from = source.write('srv', TREE);
    const tokens = ['all-of-the-three', 'may-list-no-more', 'may-copy-no-more'];
    for (const token of tokens) writeFileSync(source.path(token), token, { mode: 0o600 });
    const [all, list, copy] = tokens.map((token) => source.path(token)) as [string, string, string];
    const allowed = ['--token-file', all, '--token-for', `list=${list}`, '--token-for', `copy=${copy}`];
    const agent = await source.serve([from, ...allowed, '--metrics-listen', '0', '--limit-rate', '1GB/s']);
    const [, own] = await agent.process.says(/^metrics at (http:\/\/127\.0\.0\.1:\d+\/metrics)$/m);
    const to = destination.path('srv');
    expect(await destination.lm(['copy', agent.url, to, '--token-file', all, '--threshold', '0.9'])).toMatchObject({
      code: 0,
    });
    expect(await destination.lm(['verify'])).toMatchObject({ code: 0 });
    const with_ = (token?: string) => (token ? { headers: { authorization: `Bearer ${token}` } } : {});
    const statuses = [undefined, tokens[2], tokens[1]].map(
      async (token) => (await fetch(`${agent.url}/metrics`, with_(token))).status,
    );
    expect(await Promise.all(statuses)).toEqual([401, 403, 200]);

    const told = samplesIn(await textOf(own!));
    expect(told).toMatchObject({
      'lm_agent_requests_total{route="list",status="200"}': 3,
      'lm_agent_requests_total{route="metrics",status="200"}': 1,
      'lm_agent_requests_refused_total{status="401"}': 1,
      'lm_agent_requests_refused_total{status="403"}': 1,
      'lm_agent_connections{state="new"}': expect.any(Number),
      lm_agent_clients: 1,
      ...{ lm_throttle_bytes_per_second: 1e9, lm_agent_requests_aborted_total: 0 },
    });
    // Of a file that was written a moment ago the end may come once more, and its digest too.
    expect(told['lm_agent_files_sent_total']).toBeGreaterThanOrEqual(3);
    expect(told['lm_agent_files_sent_total']).toBeLessThanOrEqual(6);
    expect(told['lm_agent_files_digested_total']).toBeGreaterThanOrEqual(3);
    expect(told['lm_agent_files_digested_total']).toBeLessThanOrEqual(9);
    expect(told['lm_agent_sent_bytes_total']).toBeGreaterThan(9_000_003);
    expect(told['lm_agent_sent_bytes_total']).toBeLessThan(9_200_000);
  });

  test('whose port for metrics is taken does not start, and says so', async () => {
    const { source, defer } = sandbox();
    const taken = createServer().listen(0, '127.0.0.1');
    defer(() => taken.close());
    await new Promise((resolve) => taken.once('listening', resolve));
    const { port } = taken.address() as { port: number };
    const words = ['serve', source.write('srv', {}), '--listen', '127.0.0.1:0', '--metrics-listen', `${port}`];
    expect(await source.lm(words)).toMatchObject({
      ...{ code: 2, stdout: '' },
      stderr: expect.stringMatching(`--metrics-listen: cannot listen on 127.0.0.1, port ${port}: EADDRINUSE`),
    });
  });

  longTest('is not kept open by those who watch it, and does not name them', async () => {
    const { source } = sandbox();
    const agent = await source.serve([source.write('srv', {}), '--expire-after', '2s']);
    let scrapes = 0;
    const watching = setInterval(() => {
      void fetch(`${agent.url}/metrics`).then(
        () => scrapes++,
        () => {},
      );
    }, 100);
    const ended = await agent.process.done;
    clearInterval(watching);
    expect(ended).toMatchObject({ code: 0, stdout: expect.not.stringContaining('first request') });
    expect(scrapes).toBeGreaterThan(3);
  });
});
