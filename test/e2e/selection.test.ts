// A run that selects nothing is never a success, and says what there is instead.

import { existsSync, readdirSync } from 'node:fs';
import { expect, test } from '@jest/globals';
import { longTest } from '../support/long-test.js';
import { sandbox } from '../support/sandbox.js';
import { dir } from '../support/tree.js';

test('a key that neither side has ends 2 with what is near it; one that either side has is copied or removed', async () => {
  const { source, destination } = sandbox();
  const from = source.write('data', {
    keyspace: dir({ 'users-1b2c': dir({ 'nb-1-big-Data.db': 'x', snapshots: dir({ old: 'y' }) }), empty: dir({}) }),
    system: dir({}),
  });
  const log = source.write('commitlog', { 'CommitLog-7-1.log': 'z' });
  const agent = await source.serve(['--root', `data=${from}`, '--root', `commitlog=${log}`]);
  const to = destination.path('data');
  const roots = ['--root', `data=${to}`, '--root', `commitlog=${destination.path('commitlog')}`];
  const copy = (...more: string[]) => destination.lm(['copy', agent.url, ...roots, '--allow-running', ...more]);
  const nowhere: [string[], RegExp][] = [
    [['data/0/keyspcae'], /neither side has data\/0\/keyspcae\nhint: did you mean data\/0\/keyspace\?/],
    [['data/0/keyspcae/users-1b2c', '--dry-run'], /hint: did you mean data\/0\/keyspace\?/],
    [['data/0/keyspace/users', '--threshold', '0.5'], /hint: did you mean data\/0\/keyspace\/users-1b2c\?/],
    [['commitlog/0/gone'], /hint: commitlog\/0 holds CommitLog-7-1\.log$/m],
    [['data/0/keyspace/empty/x'], /hint: data\/0\/keyspace\/empty is empty on both sides/],
    [['data/0/keyspace/users-1b2c/snapshots'], /data\/0\/keyspace\/users-1b2c\/snapshots is excluded/],
    [
      ['data/7/keyspace'],
      /there is no data\/7 here, only data\/0, commitlog\/0\nhint: did you mean data\/0\/keyspace\?/,
    ],
    [['comitlog/0'], /hint: did you mean commitlog\/0\?/],
  ];
  for (const [[key, ...more], said] of nowhere) {
    const { code, stderr } = await copy('--only', key!, ...more);
    expect({ key, code, stderr }).toEqual({ key, code: 2, stderr: expect.stringMatching(said) });
    if (key !== 'comitlog/0')
      expect(stderr).toContain('\nerror only-key (2): nothing was removed or replaced after that');
  }
  expect(existsSync(to)).toBe(false); // nothing was made

  expect(await copy('--only', 'data/0/keyspace/empty')).toMatchObject({ code: 0 });
  destination.write('data/keyspace/mine', { a: 'a' });
  expect(await copy('--only', 'data/0/keyspace/mine', '--max-delete', '100%')).toMatchObject({ code: 0 });
  expect(readdirSync(destination.path('data/keyspace'))).toEqual(['empty']);
});

longTest(
  'a source without any entry, or with none that takes part, is refused; so is a verification of nothing',
  async () => {
    const { source, destination } = sandbox();
    const excluding = source.path('lm.yaml');
    source.write('.', { 'lm.yaml': 'live_migration:\n  files_to_exclude: ["regex:.*"]\n' });
    const url = (await source.serve([source.write('empty', {})])).url;
    const all = (
      await source.serve([source.write('all', { a: 'a' }), '--config', excluding, '--state-dir', source.path('s2')])
    ).url;
    const to = destination.write('data', {});
    const refused = /the source lists nothing that could be copied/;
    for (const args of [
      [url, to],
      [url, to, '--dry-run'],
      [url, to, '--threshold', '0.5'],
      [url, to, '--only', 'data/0'],
    ])
      expect(await destination.lm(['copy', ...args])).toMatchObject({
        code: 6,
        stderr: expect.stringMatching(refused),
      });
    const { code, stderr } = await destination.lm(['copy', all, to]);
    expect([code, stderr]).toEqual([
      6,
      expect.stringMatching(/lists nothing that could be copied\n {2}1 entry is excluded there/),
    ]);
    expect(await destination.lm(['verify', url, to])).toMatchObject({
      code: 6,
      stdout: expect.stringMatching(/^verify: neither side holds an entry, so nothing was compared$/m),
    });
  },
);
