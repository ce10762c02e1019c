// Whatever takes no part in a copy or a verification is counted and named at its end; what only the destination has is removed.

import { execFileSync } from 'node:child_process';
import { existsSync, linkSync, mkdirSync, renameSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { jsonLines } from '../support/lm.js';
import { longTest } from '../support/long-test.js';
import { type Host, sandbox } from '../support/sandbox.js';
import { dir } from '../support/tree.js';

const pipe = (path: string): void => void execFileSync('mkfifo', [path]);

test('pipes, excluded entries and what shields them are named by dry run, copy and verification, the destination’s own go', async () => {
  const { source, destination } = sandbox();
  const from = source.write('data', {
    a: 'a',
    skip: 's',
    both: dir({ skip: 's' }),
    'lost+found': dir({ '#1': 'found' }),
  });
  const to = destination.write('data', { mine: dir({ skip: 's' }), '.lm-0123456789abcdef.lm-part': 'unfinished' });
  pipe(join(from, 'pipe'));
  linkSync(join(from, 'both/skip'), join(from, 'both/twin'));
  truncateSync(join(from, 'a'), 2 ** 20);
  pipe(join(to, 'pipe'));
  pipe(join(to, 'a'));
  pipe(join(to, 'extra'));
  mkdirSync(join(to, 'dir'));
  pipe(join(to, 'dir/extra'));
  writeFileSync(destination.path('lm.yaml'), "live_migration: {files_to_exclude: ['glob:**/skip']}"); // the source's agent lists them
  const { url } = await source.serve([from]);
  const copy = (...args: string[]) =>
    destination.lm(['copy', url, to, '--adopt', '--threshold', '0.99', '--max-delete', '100%', ...args]);

  const rows = [
    / not copied +1 socket, pipe or device at the source: data\/0\/pipe$/m,
    / excluded +2 at the source: data\/0\/skip, data\/0\/both\/skip$/m,
    / excluded +1 here: data\/0\/mine\/skip$/m,
    / left here +1 directory that holds something excluded: data\/0\/mine$/m,
    / hard links +2 names at the source .*: data\/0\/both\/skip, data\/0\/both\/twin$/m,
  ];
  const dry = await copy('--dry-run');
  for (const row of [...rows, / unfinished +1 part .*: data\/0\/\.lm-0123456789abcdef\.lm-part$/m])
    expect(dry.stdout).toMatch(row);
  for (const gone of ['a', 'extra', 'dir', 'dir/extra'])
    expect(dry.stdout).toMatch(new RegExp(`^would remove .*data/0/${gone}$`, 'm'));
  expect(await destination.lm(['verify', url, to])).toMatchObject({
    code: 4,
    stdout: expect.stringMatching(
      /differs {2}type {2}source file, destination other: data\/0\/a\n(.*\n)*.*not-found-at-source {2}data\/0\/extra/,
    ),
  });

  const copied = await copy();
  expect(copied).toMatchObject({ code: 0 });
  for (const gone of ['extra', 'dir']) expect(existsSync(join(to, gone))).toBe(false);
  for (const kept of ['pipe', 'mine/skip', 'lost+found/#1']) expect(existsSync(join(to, kept))).toBe(true);
  const verified = await destination.lm(['verify']);
  expect(verified).toMatchObject({ code: 0 });
  for (const row of rows) {
    expect(copied.stdout).toMatch(row);
    expect(verified.stdout).toMatch(row);
  }
  for (const command of [
    ['verify', '--json'],
    ['copy', '--threshold', '0.99', '--json'],
  ]) {
    const { stdout } = await destination.lm(command);
    expect(jsonLines(stdout).at(-1)!['report'].leftOut).toEqual({
      special: { entries: 1, first: ['data/0/pipe'] },
      excludedAtSource: { entries: 2, first: ['data/0/skip', 'data/0/both/skip'] },
      excludedHere: { entries: 1, first: ['data/0/mine/skip'] },
      hardLinks: { entries: 2, first: ['data/0/both/skip', 'data/0/both/twin'] },
      shielded: { entries: 1, first: ['data/0/mine'] },
      stale: { entries: 0, first: [] },
      setuid: { entries: 0, first: [] },
    });
  }
});

longTest('a root given through a link that leads elsewhere by now is another one, on either side', async () => {
  const { source, destination } = sandbox();
  const linked = (host: Host) => {
    for (const version of ['v1', 'v2']) host.write(version, { data: dir({}) });
    symlinkSync('v1', host.path('current'));
    return host.path('current', 'data');
  };
  const turn = (host: Host, to: string) => {
    rmSync(host.path('current'));
    symlinkSync(to, host.path('current'));
  };
  const [from, to] = [linked(source), linked(destination)];
  writeFileSync(join(from, 'a'), 'a');
  const { url } = await source.serve([from]);
  const copy = () => destination.lm(['copy', '--threshold', '0.99', '--max-delete', '100%']);
  expect(await destination.lm(['copy', url, to, '--threshold', '0.99'])).toMatchObject({ code: 0 });

  turn(source, 'v2');
  const message = expect.stringContaining(`data/0 is another directory than when lm serve began: ${from}`);
  for (const command of [copy, () => destination.lm(['verify'])]) {
    const refused = await command();
    expect(refused).toMatchObject({ code: 5, stderr: message });
    expect(refused.stderr).not.toMatch(/^retry/m); // it stays so until somebody acts
  }
  turn(source, 'v1');
  expect(await copy()).toMatchObject({ code: 0 });
  renameSync(source.path('v1'), source.path('v3')); // the path still leads to it, the name under which it is walked does not
  turn(source, 'v3');
  expect(await copy()).toMatchObject({ code: 5 });

  renameSync(source.path('v3'), source.path('v1'));
  turn(source, 'v1');
  turn(destination, 'v2');
  const moved = expect.stringContaining('data/0 is another directory');
  expect(await copy()).toMatchObject({ code: 6, stderr: moved });
  expect(await destination.lm(['verify'])).toMatchObject({ code: 6, stderr: moved });
  expect(existsSync(join(to, 'a'))).toBe(false);
});

test('links that lead out of all roots here are named by copy and verification, also once they are here; others are not', async () => {
  const { source, destination } = sandbox();
  const [data, space] = [source.write('data', { a: 'a', tblspc: dir({}) }), source.write('space', { b: 'b' })];
  const [to, toSpace] = [destination.path('data'), destination.path('space')];
  const link = (name: string, target: string) => symlinkSync(target, join(data, name));
  link('inside', 'tblspc/../a');
  link('above', '../space');
  link('tblspc/1', space);
  link('tblspc/2', join(toSpace, 'b'));
  link('tblspc/3', '/var/nowhere');
  const { url } = await source.serve(['--root', `data=${data}`, '--root', `data=${space}`]);
  const both = ['--root', `data=${to}`, '--root', `data=${toSpace}`];
  const row =
    / links out +2 symbolic links that lead out of the roots here; what they lead to is not copied: data\/0\/tblspc\/1, data\/0\/tblspc\/3$/m;
  for (const command of [['copy', url, ...both, '--dry-run'], ['copy', url, ...both], ['copy'], ['verify']])
    expect((await destination.lm(command)).stdout).toMatch(row);
  const { stdout } = await destination.lm(['verify', '--json']);
  expect(jsonLines(stdout).at(-1)!['report'].leftOut.linksOut).toEqual({
    entries: 2,
    first: ['data/0/tblspc/1', 'data/0/tblspc/3'],
  });
});
