// A whole migration as an operator types it.

import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, statSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import { jsonLines } from '../support/lm.js';
import { sandbox } from '../support/sandbox.js';
import { dir, file, readTree, type Snapshot, type Tree } from '../support/tree.js';
import { adversarialTree } from './adversarial.js';

const withoutSnapshots = (tree: Snapshot): Snapshot =>
  Object.fromEntries(Object.entries(tree).filter(([key]) => !/^[^/]+\/[^/]+\/snapshots(\/|$)/.test(key)));

describe('the main job', () => {
  test('copy, verify with both digests, complete, reset: an adversarial tree arrives as it was', async () => {
    const { source, destination } = sandbox();
    const from = source.write('data', adversarialTree());
    const to = destination.write('data', {});
    const before = await readTree(from, { directoryTimes: true });
    const agent = await source.serve(['--root', `data=${from}`]);

    expect(await destination.lm(['copy', agent.url, '--root', `data=${to}`, '--threshold', '0.95'])).toMatchObject({
      code: 0,
    });
    // The rest runs bare: what the first copy was told is remembered.
    const final = await destination.lm(['copy', '--threshold', '1.0']);
    expect(final).toMatchObject({ code: 0 });
    expect(final.stdout).toMatch(/^next: lm verify$/m);
    for (const algo of ['xxhash32', 'md5'])
      expect(await destination.lm(['verify', '--algo', algo])).toMatchObject({ code: 0 });

    expect(await readTree(from, { directoryTimes: true })).toEqual(before);
    expect(await readTree(to, { directoryTimes: true })).toEqual(withoutSnapshots(before));
    expect(existsSync(`${to}/ks/t/snapshots`)).toBe(false);
    execFileSync('diff', ['-r', '--no-dereference', '--exclude=snapshots', from, to]); // throws when it has something to say

    expect(await destination.lm(['complete'])).toMatchObject({ code: 0 });
    expect(await source.lm(['complete'])).toMatchObject({ code: 0 });
    expect(await destination.lm(['copy'])).toMatchObject({ code: 6 });
    expect(await destination.lm(['verify'])).toMatchObject({ code: 6 });
    expect((await fetch(`${agent.url}/api/v1/live-migration/files/data/0/sizes/one`)).status).toBe(400);

    await agent.stop();
    expect(await destination.lm(['reset'])).toMatchObject({ code: 0 });
    expect(await source.lm(['reset'])).toMatchObject({ code: 0 });
  });

  test('several roots, each in its place', async () => {
    const { source, destination } = sandbox();
    const roots = { data: { ks: dir({ a: 'data 0' }) }, data2: { ks: dir({ a: 'data 1' }) }, log: { 'c.log': 'log' } };
    const named = (host: typeof source, tree: boolean) =>
      (['data', 'data2', 'log'] as const).flatMap((name) => [
        '--root',
        `${name === 'log' ? 'commitlog' : 'data'}=${host.write(name, tree ? roots[name] : {})}`,
      ]);
    const agent = await source.serve(named(source, true));
    const args = ['copy', agent.url, ...named(destination, false), '--allow-running'];
    expect(await destination.lm(args)).toMatchObject({ code: 0 });
    for (const name of Object.keys(roots))
      expect(await readTree(destination.path(name))).toEqual(await readTree(source.path(name)));
  });

  test('for one directory the root needs no name, and the destination is made', async () => {
    const { source, destination } = sandbox();
    const from = source.write('srv', { a: 'a', d: dir({ b: 'b' }) });
    const agent = await source.serve([from]);
    expect(await destination.lm(['copy', agent.url, destination.path('srv')])).toMatchObject({ code: 0 });
    expect(await readTree(destination.path('srv'))).toEqual(await readTree(from));
  });

  test.each([
    [2, (_: string) => []], // no URL
    [6, (url: string) => [url, '--pre-check', 'false']],
    [3, (url: string) => [url, '--dry-run']],
  ])(
    'one that ends with %d before it may write leaves nothing, and is not in the way of the next',
    async (code, args) => {
      const { source, destination } = sandbox();
      const from = source.write('srv', { a: 'a' });
      chmodSync(from, 0o751);
      const agent = await source.serve([from]);
      const [wrong, right] = [destination.path('wrong'), destination.path('right')];
      for (const to of [wrong, right]) {
        expect(await destination.lm(['copy', ...args(agent.url), '--root', `data=${to}`])).toMatchObject({ code });
        expect(existsSync(to)).toBe(false);
      }
      expect(await destination.lm(['copy', agent.url, right])).toMatchObject({ code: 0 });
      expect(statSync(right).mode & 0o7777).toBe(0o751);
      expect(await destination.lm(['verify'])).toMatchObject({ code: 0 });
    },
  );

  test('with a settings file every command runs bare', async () => {
    const { source, destination } = sandbox();
    const settings = (host: typeof source, extra: string) =>
      host.write('', { data: dir({}), 'lm.yaml': `roots:\n  data: ${host.path('data')}\n${extra}` });
    settings(source, 'listen: 127.0.0.1:0\nlive_migration:\n  files_to_exclude: ["glob:**/*.tmp"]\n');
    source.write('data', { a: 'a', 'x.tmp': 'no' });
    const agent = await source.serve([]);
    settings(destination, `url: ${agent.url}\n`);
    expect(await destination.lm(['copy', '--threshold', '0.95'])).toMatchObject({ code: 0 });
    expect(await destination.lm(['verify'])).toMatchObject({ code: 0 });
    expect(Object.keys(await readTree(destination.path('data')))).toEqual(['a']);
  });
});

describe('the next copy', () => {
  /** A copied pair; `change` is what happens at the source before the second copy. */
  async function again(change: (from: string) => void, args: string[] = []) {
    const { source, destination } = sandbox();
    const from = source.write('data', {
      a: 'a',
      b: file({ content: 'b', mode: 0o640 }),
      d: dir({ x: 'x' }),
      'f-to-d': 'file',
      'd-to-f': dir({ y: dir({ z: 'z' }) }),
      keep: dir(Object.fromEntries(Array.from({ length: 20 }, (_, i) => [i, `${i % 10}`]))),
    });
    const to = destination.write('data', {});
    const agent = await source.serve([from]);
    expect(await destination.lm(['copy', agent.url, to])).toMatchObject({ code: 0 });
    change(from);
    const result = await destination.lm(['copy', '--json', '--verbose', ...args]);
    return { result, lines: jsonLines(result.stdout), from: await readTree(from), to: await readTree(to) };
  }

  const shell = (script: string) => (from: string) => void execFileSync('sh', ['-ec', script], { cwd: from });

  test('of an unchanged source moves nothing', async () => {
    const { result, lines } = await again(() => {});
    expect(result.code).toBe(0);
    expect(lines.at(-1)!['report'].status).toMatchObject([{ state: 'SUCCESS', filesDownloaded: 0, bytesReceived: 0 }]);
  });

  test('follows whatever has changed', async () => {
    const changes = [
      'rm f-to-d; mkdir f-to-d; echo new > f-to-d/inside',
      'rm -r d-to-f; echo new > d-to-f',
      'rm a; ln -s b a',
      'chmod 600 keep/1', // the mode alone
      'touch -d @1700000000.123456789 b', // the time alone
      'rm d/x; rmdir d',
      'printf B > keep/2', // of equal size
    ];
    const { result, from, to } = await again(shell(changes.join('; ')));
    expect(result).toMatchObject({ code: 0 });
    expect(to).toEqual(from);
  });

  test('a mode alone is mended in place, without bytes', async () => {
    const { lines } = await again(shell('chmod 600 b'));
    expect(lines.filter((line) => line.type === 'item')).toMatchObject([
      { action: 'fix', key: 'data/0/b', reason: 'mode' },
    ]);
    expect(lines.at(-1)!['report'].status[0].bytesReceived).toBe(0);
  });

  test('--only leaves everything else alone and is not the final pass', async () => {
    const { result, lines, to } = await again(shell('echo new > keep/new; echo new > d/new; rm a'), [
      '--only',
      'data/0/keep',
    ]);
    expect(result.code).toBe(0);
    expect(to).toHaveProperty(['keep/new']);
    expect(to).toHaveProperty(['a']);
    expect(to).not.toHaveProperty(['d/new']);
    expect(lines.at(-1)!['next']).toMatch(/without --only/);
  });
});

test('what is excluded on either side is neither fetched nor removed nor counted', async () => {
  const { source, destination } = sandbox();
  const from = source.write('data', {
    ks: dir({ t: dir({ a: 'a', snapshots: dir({ s: 'theirs' }) }) }),
    'source.skip': 'excluded there',
    'both.keep': 'excluded here',
  });
  source.write('', { 'lm.yaml': 'live_migration:\n  files_to_exclude: ["glob:**/*.skip"]\n' });
  destination.write('', { 'lm.yaml': 'live_migration:\n  files_to_exclude: ["glob:**/*.keep"]\n' });
  const to = destination.write('data', {
    gone: dir({ t: dir({ old: 'old', snapshots: dir({ s: 'ours' }) }) }),
    'mine.keep': 'ours',
    'mine.skip': 'ours',
  });
  const agent = await source.serve([from]);
  // `gone` holds something excluded, which shields it and its parents; `old` beside it is foreign and goes.
  const result = await destination.lm(['copy', agent.url, to, '--adopt', '--max-delete', '100%']);
  expect(result).toMatchObject({ code: 0 });
  expect(result.stdout).toMatch(/excluded: .*snapshots/);
  expect(Object.keys(await readTree(to)).sort()).toEqual(
    [
      'gone',
      'gone/t',
      'gone/t/snapshots',
      'gone/t/snapshots/s',
      'ks',
      'ks/t',
      'ks/t/a',
      'mine.keep',
      'mine.skip',
    ].sort(),
  );
});

test.each(['source', 'destination'] as const)('a whole root may be excluded at the %s', async (excluder) => {
  const world = sandbox();
  const { source, destination } = world;
  const rootsOn = (host: typeof source, data: Tree, log: Tree): string[] => [
    '--root',
    `data=${host.write('data', data)}`,
    '--root',
    `commitlog=${host.write('log', log)}`,
  ];
  world[excluder].write('', { 'lm.yaml': 'live_migration:\n  dirs_to_exclude: ["glob:**/log"]\n' });
  const agent = await source.serve(rootsOn(source, { a: 'a' }, { 'c.log': 'c', d: dir({ e: 'e' }) }));
  const to = rootsOn(destination, {}, { 'mine.log': 'm' });
  const result = await destination.lm(['copy', agent.url, ...to, '--adopt', '--allow-running', '--max-delete', '100%']);
  expect(result).toMatchObject({ code: 0 });
  expect(result.stdout).toContain('1 excluded: commitlog/0');
  expect(Object.keys(await readTree(destination.path('data')))).toEqual(['a']);
  expect(Object.keys(await readTree(destination.path('log')))).toEqual(['mine.log']);
  expect(await destination.lm(['verify'])).toMatchObject({ code: 0 });
});

test('a pattern that matches every root leaves nothing, which does not pass for all there is', async () => {
  const { source, destination } = sandbox();
  const agent = await source.serve([source.write('data', { data: dir({ a: 'a' }) })]);
  destination.write('', { 'lm.yaml': 'live_migration:\n  dirs_to_exclude: ["glob:**/data"]\n' });
  const result = await destination.lm(['copy', agent.url, destination.write('data', {})]);
  expect(result).toMatchObject({ code: 6, stderr: expect.stringContaining('every root is excluded') });
  expect(result.stderr).toContain('\nerror all-excluded (6): ');
});
