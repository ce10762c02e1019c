import { chmodSync, chownSync, mkdirSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from '@jest/globals';
import { flipBit } from '../support/flip-bit.js';
import type { LmOptions } from '../support/lm.js';
import { longTest } from '../support/long-test.js';
import { type Sandbox, sandbox } from '../support/sandbox.js';
import { dir, file, readTree, removeTree } from '../support/tree.js';

const asRoot = process.getuid?.() === 0 ? describe : describe.skip;

asRoot('directories that are closed to their owner, copied by him', () => {
  const NOBODY = 65534;
  const nobody: LmOptions = { under: ['setpriv', `--reuid=${NOBODY}`, `--regid=${NOBODY}`, '--clear-groups'] };
  let box: Sandbox;
  let from: string;
  let to: string;
  let url: string;
  const lm = (...args: string[]) => box.destination.lm(args, nobody);
  const modeOf = (...names: string[]) => (statSync(join(to, ...names)).mode & 0o7777).toString(8);

  beforeEach(async () => {
    box = sandbox();
    from = box.source.write('data', {
      none: dir({ a: 'a', in: dir({ b: 'b', deeper: dir({ c: 'c' }, { mode: 0o500 }) }, { mode: 0 }) }, { mode: 0 }),
      list: dir({ d: 'd', in: dir({ e: 'e' }) }, { mode: 0o400 }),
      pass: dir({ f: 'f', big: file({ size: 9 << 20 }) }, { mode: 0o300 }),
      read: dir({ g: 'g', old: dir({ h: 'h' }, { mode: 0 }) }, { mode: 0o500 }),
    });
    url = (await box.source.serve([from])).url;
    to = box.destination.path('mine');
    for (const path of [box.dir, box.destination.dir, box.destination.home]) chmodSync(path, 0o755);
    for (const path of [to, box.destination.stateDir]) {
      mkdirSync(path);
      chownSync(path, NOBODY, NOBODY);
    }
    expect(await lm('copy', url, to)).toMatchObject({ code: 0, stderr: '' });
  });

  const areEqual = async () => {
    expect(await readTree(to, { directoryTimes: true })).toEqual(await readTree(from, { directoryTimes: true }));
  };

  test('reach 1.0, have nothing left to be done, and are verified', async () => {
    await areEqual();
    const again = await lm('copy', url, to);
    expect(again).toMatchObject({ code: 0, stderr: '' });
    expect(again.stdout).toMatch(/plan: 0 to copy \(0 B\), 0 to remove/);
    expect(await lm('verify')).toMatchObject({ code: 0, stderr: '' });
    expect(await lm('copy', '--dry-run', '--diff', 'checksum')).toMatchObject({ code: 0, stderr: '' });
    await areEqual();
  });

  test('are changed within, and closed again', async () => {
    writeFileSync(join(from, 'none/in/deeper/c'), 'other');
    writeFileSync(join(from, 'pass/new'), 'new');
    for (const gone of ['none/a', 'none/in/b', 'read/old', 'list/in']) rmSync(join(from, gone), { recursive: true });
    expect(await lm('copy', '--max-delete', '100%')).toMatchObject({ code: 0, stderr: '' });
    await areEqual();
  });

  test('take the mode they have at the source by now', async () => {
    chmodSync(join(from, 'none'), 0o700);
    chmodSync(join(from, 'pass'), 0o755);
    expect(await lm('copy')).toMatchObject({ code: 0, stderr: '' });
    await areEqual();
  });

  longTest('are closed again after a repair of files in them', async () => {
    for (const name of ['none/a', 'read/g', 'pass/big']) flipBit(join(to, name), 0);
    expect(await lm('verify', '--repair')).toMatchObject({ code: 0, stderr: '' });
    await areEqual();
    expect(await lm('verify')).toMatchObject({ code: 0, stderr: '' });
  });

  test('are as they were after a run that was refused', async () => {
    for (const name of ['none', 'pass', 'read']) rmSync(join(from, name), { recursive: true });
    expect(await lm('copy', '--max-delete', '1')).toMatchObject({ code: 6 });
    expect([modeOf('none'), modeOf('none/in'), modeOf('list'), modeOf('pass')]).toEqual(['0', '0', '400', '300']);
  });

  test('are as they were when they shield what is excluded', async () => {
    removeTree(join(from, 'none'));
    writeFileSync(box.destination.path('lm.yaml'), 'live_migration: {dirs_to_exclude: ["glob:**/deeper"]}');
    expect(await lm('copy', '--max-delete', '100%')).toMatchObject({ code: 0, stderr: '' });
    expect([modeOf('none'), modeOf('none/in')]).toEqual(['0', '0']);
    expect(readdirSync(join(to, 'none/in'))).toEqual(['deeper']);
  });

  test.each(['SIGTERM', 'SIGKILL'] as const)('after %s, at the next copy at the latest', async (signal) => {
    writeFileSync(join(from, 'pass/big'), Buffer.alloc(12 << 20));
    const proxy = await box.proxy(url, { stallAfter: 2 << 20 });
    const running = box.destination.start(['copy', proxy.url], nobody);
    await proxy.stalled;
    running.kill(signal);
    await running.done;
    if (signal === 'SIGTERM')
      expect([modeOf('none'), modeOf('none/in'), modeOf('list'), modeOf('pass')]).toEqual(['0', '0', '400', '300']);
    else expect(modeOf('none')).toBe('700');
    expect(await lm('copy', url)).toMatchObject({ code: 0 });
    await areEqual();
  });
});
