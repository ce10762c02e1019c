// Whether both sides are known again, by what a boot does not change: disks numbered anew ask nothing, and another disk in their place
// removes nothing.

import { execFileSync, spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { sandbox } from '../support/sandbox.js';
import { dir, type Tree } from '../support/tree.js';

const isRoot = process.getuid?.() === 0;
const hasDisks = isRoot && ['mkfs.ext4', 'losetup'].every((tool) => spawnSync(tool, ['-V']).status === 0);

const REMOVES = ['--max-delete', '100%', '--threshold', '0.99'];

(hasDisks ? describe : describe.skip)('disks', () => {
  const TREE: Tree = { ks: dir({ a: 'a' }), other: dir({ b: 'b' }) };

  function machine() {
    const box = sandbox();
    const mount = (at: string, ...args: string[]): void => {
      execFileSync('mount', [...args, at]);
      box.defer(() => spawnSync('umount', [at]));
    };
    const unmount = (at: string) => execFileSync('umount', [at]);
    const disk = (name: string): string => {
      const image = join(box.dir, name);
      execFileSync('truncate', ['-s', '8M', image]);
      execFileSync('mkfs.ext4', ['-q', image], { stdio: 'ignore' });
      return image;
    };
    /** Another disk is met first, so that it takes the number; one more for each number that became free meanwhile. */
    const numberedAnew = (image: string, at: string): void => {
      const before = statSync(at).dev;
      for (let i = 0; statSync(at).dev === before; i++) {
        unmount(at);
        const elsewhere = join(box.dir, `elsewhere${i}`);
        mkdirSync(elsewhere);
        mount(elsewhere, '-o', 'loop', disk(`first${i}`));
        mount(at, '-o', 'loop', image);
      }
    };
    return { ...box, mount, unmount, disk, numberedAnew };
  }

  test('a destination that a boot has numbered anew goes on, without a flag', async () => {
    const { source, destination, mount, disk, numberedAnew } = machine();
    const from = source.write('data', TREE);
    const to = destination.write('data', {});
    const image = disk('image');
    mount(to, '-o', 'loop', image);
    const { url } = await source.serve([from]);
    expect(await destination.lm(['copy', url, to])).toMatchObject({ code: 0, stderr: '' });
    numberedAnew(image, to);
    rmSync(join(from, 'other'), { recursive: true });
    expect(await destination.lm(['copy', ...REMOVES])).toMatchObject({ code: 0, stderr: '' });
    expect(readdirSync(to)).toEqual(['ks', 'lost+found']);
    expect(await destination.lm(['verify'])).toMatchObject({ code: 0 });
  });

  test('another node’s disk, copied from one image, is refused in its place with every flag it takes', async () => {
    const { dir: here, source, destination, mount, unmount, disk } = machine();
    const from = source.write('data', TREE);
    const to = destination.write('data', {});
    const image = disk('image');
    const twin = join(here, 'twin');
    copyFileSync(image, twin);
    mount(to, '-o', 'loop', image);
    const { url } = await source.serve([from]);
    expect(await destination.lm(['copy', url, to, ...REMOVES])).toMatchObject({ code: 0 });
    unmount(to);
    mount(to, '-o', 'loop', twin);
    for (const name of ['else', 'ks', 'other', 'precious']) mkdirSync(join(to, name));
    const refused = await destination.lm(['copy', ...REMOVES]);
    expect(refused).toMatchObject({
      code: 6,
      stderr: expect.stringMatching(/data\/0 is another directory: inode 2, .*\n(.*\n)*hint: .*--new-source --adopt/),
    });
    expect(readdirSync(to)).toContain('precious');
    expect(await destination.lm(['verify'])).toMatchObject({ code: 6 });
    expect(await destination.lm(['copy', ...REMOVES, '--new-source', '--adopt'])).toMatchObject({ code: 0 });
    expect(readdirSync(to)).not.toContain('precious');
  });

  test('a source that a boot has numbered anew goes on; another disk at its mount point is refused', async () => {
    const { source, destination, mount, unmount, disk, numberedAnew } = machine();
    const from = source.write('data', TREE);
    const to = destination.write('data', {});
    const at = join(from, 'ks');
    const image = disk('image');
    mount(at, '-o', 'loop', image);
    writeFileSync(join(at, 'a'), 'a');
    const first = await source.serve([from]);
    const { url } = first;
    const serve = () => source.serve([from, '--listen', new URL(url).host]);
    expect(await destination.lm(['copy', url, to, ...REMOVES])).toMatchObject({ code: 0 });
    await first.stop();
    numberedAnew(image, at);
    const second = await serve();
    expect(await destination.lm(['copy', ...REMOVES])).toMatchObject({ code: 0, stderr: '' });
    await second.stop();
    unmount(at);
    mount(at, '-o', 'loop', disk('other'));
    await serve();
    expect(await destination.lm(['copy', ...REMOVES])).toMatchObject({
      code: 6,
      stderr: expect.stringMatching(/data\/0\/ks is another mount point: inode 2, made /),
    });
    expect(readdirSync(join(to, 'ks'))).toEqual(['a']);
  });

  test('a bind mount that disappears from the source removes nothing', async () => {
    const { source, destination, mount, unmount } = machine();
    const from = source.write('data', { ks: dir({}), x: 'x' });
    const to = destination.write('data', {});
    const at = join(from, 'ks');
    mount(at, '--bind', source.write('beside', { a: 'a' })); // of the device of its root
    expect(statSync(at).dev).toBe(statSync(from).dev);
    const { url } = await source.serve([from]);
    expect(await destination.lm(['copy', url, to, ...REMOVES])).toMatchObject({ code: 0 });
    unmount(at);
    expect(await destination.lm(['copy', ...REMOVES])).toMatchObject({
      code: 6,
      stderr: expect.stringMatching(/data\/0\/ks is no longer a mount point/),
    });
    expect(readdirSync(join(to, 'ks'))).toEqual(['a']);
  });
});

describe('a destination that is the source itself', () => {
  async function served(...names: string[]) {
    const { source, destination } = sandbox();
    const from = source.write('data', { ks: dir({ a: 'a' }), x: 'x' });
    mkdirSync(join(from, ...names), { recursive: true });
    const { url } = await source.serve([from]);
    return { source, destination, from, url };
  }

  test.each<[string, (from: string) => string, RegExp]>([
    ['is', (from) => from, /destination root data\/0 \(.*\) is data\/0 of the source, http/],
    ['is inside', (from) => join(from, 'ks/below'), /destination root data\/0 \(.*\) is inside data\/0 of the source/],
    ['holds', (from) => join(from, '..'), /destination root data\/0 \(.*\) holds data\/0 of the source/],
  ])('%s it', async (_, destinationOf, says) => {
    const { destination, from, url } = await served('ks', 'below');
    const to = destinationOf(from);
    const before = statSync(to, { bigint: true }).mtimeNs;
    const refused = await destination.lm(['copy', url, to, '--adopt', ...REMOVES]);
    expect(refused).toMatchObject({ code: 6, stderr: expect.stringMatching(says) });
    expect(readdirSync(from)).toEqual(['ks', 'x']);
    expect(`${statSync(to, { bigint: true }).mtimeNs / 1000n}`).toBe(`${before / 1000n}`);
  });

  (isRoot ? test : test.skip)('is known from inside a container, where it has another path', async () => {
    const { destination, source, from } = await served();
    const mounted = source.path('mnt');
    mkdirSync(mounted);
    const inside = ['unshare', '-m', 'sh', '-c', `mount --bind '${from}' '${mounted}' && exec "$@"`, 'sh'];
    const { url } = await source.serve([mounted], { under: inside });
    const refused = await destination.lm(['copy', url, from, '--adopt', ...REMOVES]);
    expect(refused).toMatchObject({ code: 6, stderr: expect.stringMatching(/ is data\/0 of the source/) });
    expect(readdirSync(from)).toEqual(['ks', 'x']);
  });

  (isRoot ? test : test.skip)('is not what has its path, its inode and its machine id on a cloned host', async () => {
    const { destination, source } = await served();
    const at = destination.path('srv');
    mkdirSync(at);
    const tmpfs = (content: string) => [
      'unshare',
      '-m',
      'sh',
      '-c',
      `mount -t tmpfs tmpfs '${at}' && ${content} && exec "$@"`,
      'sh',
    ];
    const { url } = await source.serve([at], { under: tmpfs(`echo a >'${at}/a'`) });
    const copied = await destination.lm(['copy', url, at], { under: tmpfs(`test -z "$(ls '${at}')"`) });
    expect(copied).toMatchObject({ code: 0 });
  });
});
