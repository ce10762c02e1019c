// A source that serves snapshots for warm passes: what they bring is proved by the live directory before anything ends with it.

import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { P, startAgent } from '../agent/running-agent.js';
import { HAS_BTRFS, mountBtrfs } from '../support/btrfs.js';
import { jsonLines } from '../support/lm.js';
import { longTest } from '../support/long-test.js';
import { sandbox } from '../support/sandbox.js';
import { settled } from '../support/settled.js';
import { file, readTree } from '../support/tree.js';

const MIB = 2 ** 20;

function copied() {
  const box = sandbox();
  const live = box.source.write('data', { small: 'before', same: 'same', big: file({ size: 9 * MIB }) });
  for (const name of ['small', 'same']) utimesSync(join(live, name), 1_600_000_000, 1_600_000_000);
  const snapshot = box.source.path('snapshot');
  execFileSync('cp', ['-a', live, snapshot]);
  return { ...box, live, snapshot, asLive: ['--root', `data=${snapshot}`, '--as', `data=${live}`] };
}

test('no client gets data of a snapshot that has not said that it knows of it', async () => {
  const { asLive, source, live, defer } = copied();
  const agent = await startAgent([...asLive, '--state-dir', source.stateDir]);
  defer(() => agent.stop());
  expect(agent.listening['roots']).toEqual([{ key: 'data/0', path: live, snapshot: source.path('snapshot') }]);
  const headers = { 'lm-snapshot': 'data/0' };
  expect((await agent.ask(`${P}/status`)).headers['lm-snapshot']).toBe('data/0');
  for (const target of [`${P}/files`, `${P}/files/data/0/small`, `${P}/open-files`]) {
    const refused = await agent.ask(target);
    expect(refused).toMatchObject({ status: 409, text: expect.stringContaining('serves a snapshot of data/0') });
    expect(await agent.ask(target, { headers })).toMatchObject({ status: 200 });
  }
  for (const target of ['fetch', 'digests'])
    expect(await agent.ask(`${P}/${target}`, { method: 'POST', body: '{}' })).toMatchObject({ status: 409 });
  expect(await agent.ask(`${P}/status`, { method: 'POST' })).toMatchObject({ status: 409 });
  writeFileSync(join(live, 'made-here'), ''); // as a destination does that wants to know whether it is the source
  expect(await agent.ask(`${P}/files/data/0/made-here`, { headers })).toMatchObject({ status: 416 });
});

longTest(
  'the last pass, verifications and completions take the live directory, and digests prove what came before',
  async () => {
    const { asLive, source, destination, live, snapshot } = copied();
    writeFileSync(join(live, 'small'), 'after!'); // as a write does in the tick in which the snapshot is made
    utimesSync(join(live, 'small'), 1_600_000_000, 1_600_000_000);
    const to = destination.write('data', {});
    const warmAgent = await source.serve(asLive);
    const refused = (what: string) => ({
      code: 6,
      stderr: expect.stringMatching(
        new RegExp(
          `serves a snapshot of data/0: ${what} takes the live directory\n(.*\n)*error snapshot-served \\(6\\): `,
        ),
      ),
    });

    const early = await destination.lm(['copy', warmAgent.url, to]);
    expect(early).toMatchObject(refused('the last pass'));
    expect(early.stderr).toContain('--threshold 0.95');
    expect(readdirSync(to)).toEqual([]);
    const warm = await destination.lm(['copy', warmAgent.url, to, '--threshold', '0.95']);
    expect(warm).toMatchObject({ code: 0, stdout: expect.stringContaining('the source serves a snapshot of data/0') });
    expect(await readTree(to)).toEqual(await readTree(snapshot));

    expect(await destination.lm(['status'])).toMatchObject({
      stdout: expect.stringMatching(/ source .*an lm agent, NOT_COMPLETED, serves a snapshot of data\/0\n/),
    });
    expect(await source.lm(['status'])).toMatchObject({
      stdout: expect.stringMatching(/^ {2}snapshot +of data\/0, /m),
    });
    expect(await source.lm(['complete'])).toMatchObject({
      code: 6,
      stderr: expect.stringContaining('lm serve serves a snapshot of data/0 here'),
    });
    expect(await destination.lm(['verify'])).toMatchObject({
      code: 0,
      stderr: expect.stringContaining('lm complete will not take this verification, of a snapshot of data/0'),
    });
    expect(await destination.lm(['verify', '--incremental'])).toMatchObject(refused('lm verify --incremental'));
    expect(await destination.lm(['verify', '--repair'])).toMatchObject(refused('a repair'));
    await warmAgent.stop();

    const agent = await source.serve([live]);
    const final = await destination.lm(['copy', agent.url, '--json', '--verbose']);
    expect(final.code).toBe(0);
    const items = jsonLines(final.stdout).filter(({ type }) => type === 'item');
    expect(items).toMatchObject([{ action: 'copy', key: 'data/0/small', reason: 'digest' }]);
    expect(readFileSync(join(to, 'small'), 'utf8')).toBe('after!');
    expect(await destination.lm(['complete'])).toMatchObject({ code: 6 });
    expect(await destination.lm(['verify'])).toMatchObject({ code: 0 });
    await agent.stop();

    const late = await source.serve([...asLive, '--listen', agent.url.replace('http://', '')]);
    expect(await destination.lm(['complete'])).toMatchObject(refused('lm complete'));
    await late.stop();
    await source.serve([live, '--listen', agent.url.replace('http://', '')]);
    expect(await destination.lm(['complete'])).toMatchObject({ code: 0 });
  },
);

(HAS_BTRFS ? longTest : test.skip)(
  'a snapshot of Btrfs, with the inodes and times of the live files: no stored proof is taken for one of these',
  async () => {
    const { dir, source, destination, defer } = sandbox();
    const { disk, unmount } = mountBtrfs(dir);
    defer(unmount);
    const [live, snapshot] = [join(disk, 'live'), join(disk, 'snapshot')];
    execFileSync('btrfs', ['subvolume', 'create', live]);
    for (const [name, size] of [
      ['small', 3000],
      ['big', 9 * MIB],
    ] as const)
      writeFileSync(join(live, name), Buffer.alloc(size, name));
    await settled(live);
    execFileSync('btrfs', ['subvolume', 'snapshot', '-r', live, snapshot]);
    const to = destination.path('data');
    mkdirSync(to);
    const warmAgent = await source.serve(['--root', `data=${snapshot}`, '--as', `data=${live}`]);
    const warm = ['copy', '--threshold', '0.95', '--diff', 'checksum'];
    expect(await destination.lm([...warm, warmAgent.url, to])).toMatchObject({ code: 0 });
    await settled(to);
    expect(await destination.lm(warm)).toMatchObject({ code: 0 });
    await warmAgent.stop();
    const records = destination.path('state', readdirSync(destination.stateDir)[0]!);
    const rows = ['ledger.jsonl', 'ledger.new.jsonl'].map((name) => readFileSync(join(records, name), 'utf8')).join('');
    const ctimes = [...rows.matchAll(/\["(?:big|small)","\d+ \d+ \d+ (\d+) /g)].map(([, ctime]) => ctime);
    expect(ctimes).toEqual(['0', '0', '0', '0']); // as received, and as read by the second pass

    const agent = await source.serve([live]);
    const read = async () => {
      const { code, stdout } = await destination.lm(['verify', agent.url, '--incremental', '--live', '--json']);
      const { report } = jsonLines(stdout).at(-1)!;
      return [code, report.proofs.earlier.entries, report.proofs.readAtSource.entries];
    };
    expect(await read()).toEqual([0, 0, 2]);
    expect(await read()).toEqual([0, 2, 0]);
  },
);
