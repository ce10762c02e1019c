// What is mounted below a destination's root: cleaned like the rest where it was given to lm with it, never touched where not.

import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { sandbox } from '../support/sandbox.js';
import { dir, type Tree } from '../support/tree.js';

const asRoot = process.getuid?.() === 0 ? describe : describe.skip;

asRoot('mounts below a destination', () => {
  const TREE: Tree = { ks: dir({ a: 'a', b: 'b', deep: dir({ c: 'c' }) }), other: dir({ d: 'd' }), x: 'x' };

  async function pair(here: Tree) {
    const box = sandbox();
    const from = box.source.write('data', TREE);
    const to = box.destination.write('data', here);
    const unmount = (at: string) => execFileSync('umount', [join(to, at)]);
    const mounted = (at: string, ...args: string[]) => {
      execFileSync('mount', [...args, join(to, at)]);
      box.defer(() => spawnSync('umount', [join(to, at)]));
    };
    const { url } = await box.source.serve([from]);
    /** Below 1.0, so that nobody waits until what was written just now can be believed. */
    const copy = (...args: string[]) => box.destination.lm(['copy', url, to, '--threshold', '0.99', ...args]);
    return { ...box, from, to, copy, mounted, unmount };
  }
  const TMPFS = ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs'];

  test('those of the adoption are cleaned and verified; another, or one that is gone, is refused', async () => {
    const { destination, from, to, copy, mounted, unmount } = await pair({ ks: dir({}) });
    const elsewhere = destination.write('elsewhere', { deep: dir({}) });
    mounted('ks', ...TMPFS);
    mkdirSync(join(to, 'ks/deep'));
    mounted('ks/deep', '--bind', join(elsewhere, 'deep'));
    expect(await copy()).toMatchObject({
      code: 6,
      stderr: expect.stringMatching(/data\/0\/ks\/deep is a mount point, of/),
    });
    expect(await copy('--adopt')).toMatchObject({ code: 0, stderr: '' });

    for (const gone of ['ks/a', 'ks/deep/c']) rmSync(join(from, gone));
    writeFileSync(join(to, 'ks/deep/stray'), '');
    expect(await destination.lm(['verify'])).toMatchObject({
      code: 4,
      stdout: expect.stringMatching(/not-found-at-source {2}data\/0\/ks\/deep\/stray/),
    });
    rmSync(join(to, 'ks/deep/stray'));
    expect(await copy()).toMatchObject({ code: 0, stderr: '' });
    expect([readdirSync(join(to, 'ks')), readdirSync(join(to, 'ks/deep'))]).toEqual([['b', 'deep'], []]);

    unmount('ks/deep');
    for (const command of [() => copy('--max-delete', '100%'), () => destination.lm(['verify'])])
      expect(await command()).toMatchObject({
        code: 6,
        stderr: expect.stringMatching(/data\/0\/ks\/deep is no longer a mount point.*\n(.*\n)*hint: .*--adopt/),
      });
    mounted('ks/deep', '--bind', elsewhere);
    expect(await copy('--max-delete', '100%')).toMatchObject({
      code: 6,
      stderr: expect.stringMatching(/data\/0\/ks\/deep is another mount: .*\/elsewhere of/),
    });
    expect(existsSync(join(elsewhere, 'deep'))).toBe(true);
    expect(await copy('--adopt', '--max-delete', '100%')).toMatchObject({
      code: 0,
      stderr: expect.stringContaining('taken as it is (--adopt): data/0/ks/deep is another mount'),
    });
    expect(readdirSync(elsewhere)).toEqual([]);
  });

  test('one that came later is refused, also when the record knows of none and when it comes in mid-run', async () => {
    const { destination, from, to, copy, mounted, unmount } = await pair({});
    expect(await copy()).toMatchObject({ code: 0 });
    mounted('ks', '--bind', destination.write('disk', { precious: 'p' })); // one device with its root
    const refused = {
      code: 6,
      stderr: expect.stringMatching(/data\/0\/ks is a mount point that was not there before/),
    };
    expect(await copy('--max-delete', '100%')).toMatchObject(refused);
    expect(await copy('--only', 'data/0/ks/deep', '--max-delete', '100%')).toMatchObject(refused);
    expect(await copy('--only', 'data/0/other')).toMatchObject({ code: 0 });
    expect(await copy('--dry-run', '--max-delete', '100%')).toMatchObject({
      code: 3,
      stdout: expect.stringMatching(/would remove .*data\/0\/ks\/precious/),
      stderr: expect.stringMatching(/a real run would refuse: what is mounted below.*\n {2}.*\nhint: .*--adopt/),
    });
    const [state] = readdirSync(destination.stateDir);
    const record = join(destination.stateDir, state!, 'adoption.json');
    const { mounts, ...old } = JSON.parse(readFileSync(record, 'utf8'));
    expect(mounts).toEqual([]);
    writeFileSync(record, JSON.stringify(old)); // as an earlier lm left it
    expect(await copy('--max-delete', '100%')).toMatchObject(refused);
    expect(readdirSync(join(to, 'ks'))).toEqual(['precious']);
    unmount('ks');
    expect(await copy()).toMatchObject({ code: 0 });

    rmSync(join(from, 'ks/a'));
    const disk = destination.path('disk');
    const looks = destination.path('looks'); // the second is made just before anything is removed
    const hook = `echo >>'${looks}'; test "$(wc -l <'${looks}')" -lt 2 || mount --bind '${disk}' '${to}/ks'`;
    const moved = await copy('--pre-check', hook);
    unmount('ks');
    expect(moved).toMatchObject({
      code: 6,
      stderr: expect.stringMatching(
        /mounted or unmounted below.* during this run\n *data\/0\/ks is a mount point that was(.*\n)*error other-mounts \(6\): /,
      ),
    });
    expect([readdirSync(disk), readdirSync(join(to, 'ks'))]).toEqual([['precious'], ['a', 'b', 'deep']]);
  });

  test('one that the source has no directory for is never given away, only left out by name', async () => {
    const { destination, to, copy, mounted } = await pair({ ks: dir({}), extra: dir({}), x: 'old' });
    const disk = destination.write('disk', { precious: 'p' });
    mounted('extra', '--bind', disk);
    const refused = await copy('--adopt', '--max-delete', '100%');
    expect(refused).toMatchObject({
      code: 6,
      stderr: expect.stringMatching(
        /data\/0\/extra is a mount point here and no directory at the source\n(.*\n)*hint: .*dirs_to_exclude/,
      ),
    });
    expect(readdirSync(disk)).toEqual(['precious']);
    writeFileSync(destination.path('lm.yaml'), "live_migration: {dirs_to_exclude: ['glob:**/extra']}");
    expect(await copy('--adopt', '--max-delete', '100%')).toMatchObject({ code: 0 });
    expect(readdirSync(disk)).toEqual(['precious']);

    mounted('x', '--bind', destination.write('file', { y: 'y' }).concat('/y'));
    expect(await copy('--adopt')).toMatchObject({
      code: 6,
      stderr: expect.stringMatching(/data\/0\/x is a file that is mounted by itself/),
    });
    expect(readFileSync(join(to, 'x'), 'utf8')).toBe('y');
  });

  test('have the room for what goes below them, and take none of their root’s', async () => {
    const { destination, from, to, copy, mounted } = await pair({});
    mounted('', ...TMPFS); // over the root itself
    mkdirSync(join(to, 'ks'));
    mounted('ks', '-t', 'tmpfs', '-o', 'size=8m', 'tmpfs');
    writeFileSync(join(from, 'ks/big'), Buffer.alloc(4 << 20));
    expect(await copy('--adopt')).toMatchObject({ code: 0, stderr: '' });
    writeFileSync(join(from, 'ks/more'), Buffer.alloc(6 << 20));
    expect(await destination.lm(['copy'])).toMatchObject({
      code: 8,
      stderr: expect.stringMatching(/not enough space for data\/0\/ks: 6\.0 MiB .*needed/),
    });
  });
});
