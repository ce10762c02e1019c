// A disk that really fills up while a copy writes to it, by bytes and by inodes: 8, nothing torn, and with room again it goes on.

import { execFileSync } from 'node:child_process';
import { appendFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import type { LmOptions } from '../support/lm.js';
import { sandbox } from '../support/sandbox.js';
import { file, readTree, type Snapshot, type Tree } from '../support/tree.js';
import { describeIf, IS_ROOT, roomyDirectory, tally } from './form.js';
import { startHostileProxy } from './hostile-proxy.js';

const MIB = 1024 * 1024;

const some = (count: number, size: number): Tree =>
  Object.fromEntries(Array.from({ length: count }, (_, i) => [`f${i}`, file({ size })]));

describeIf(IS_ROOT, 'a disk fills up', 'root, who may mount one', () => {
  /** A small file system of its own for the destination, and a source whose tree would fit if nobody else wrote there. */
  async function pair(options: string, tree: Tree) {
    const box = sandbox(roomyDirectory(1 << 30));
    const { source, destination, defer } = box;
    const from = source.write('data', tree);
    const disk = destination.path('disk');
    mkdirSync(disk);
    execFileSync('mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', disk]);
    defer(() => execFileSync('umount', [disk]));
    const to = join(disk, 'data');
    mkdirSync(to);
    const agent = await source.serve([from]);
    return { ...box, from, to, disk, url: agent.url };
  }

  type Pair = Awaited<ReturnType<typeof pair>>;

  /** Fills the disk as soon as bytes move; the copy must end 8 and say so, and finish once there is room. */
  async function fillsUp(
    { destination, url, to, from, disk }: Pair,
    fill: () => void,
    said: RegExp,
    options: LmOptions = {},
  ) {
    const copy = destination.start(['copy', url, to, '--json', '--limit-rate', '40MiB/s'], options);
    await copy.says(/"DOWNLOADING"/);
    fill();
    const { code, stderr } = await copy.done;
    expect({ code, stderr }).toEqual({ code: 8, stderr: expect.stringMatching(said) });
    expect(stderr).toMatch(/^hint: free some space/m);
    expect(stderr.match(/^lm copy: /gm)).toHaveLength(1);
    tally('other faults', 'disk full');
    const source = await readTree(from);
    for (const [key, seen] of Object.entries(withoutParts(await readTree(to))))
      expect({ key, seen }).toEqual({ key, seen: source[key] });

    rmSync(join(disk, 'filler'), { recursive: true });
    expect(await destination.lm(['copy', url, to], options)).toMatchObject({ code: 0, stderr: '' });
    expect(await readTree(to)).toEqual(source);
  }

  test('by bytes, in the middle of a big file', async () => {
    const all = await pair('size=64m', { big: file({ size: 40 * MIB }), ...some(4, 1000) });
    await fillsUp(all, () => fillBytes(all.disk), /cannot (write|sync) .*disk\/data.*ENOSPC/);
  });

  test('by bytes, among small files', async () => {
    const all = await pair('size=64m', some(40, MIB));
    await fillsUp(all, () => fillBytes(all.disk), /cannot write .*disk\/data\/f\d+.*ENOSPC/);
  });

  test('by bytes, while an older version is copied into a part, to be patched', async () => {
    const all = await pair('size=64m', { big: file({ size: 24 * MIB }) });
    const { source, destination, from, to, disk, defer } = all;
    expect(await destination.lm(['copy', all.url, to])).toMatchObject({ code: 0 });
    source.write('data', { big: file({ size: 25 * MIB }) });
    const older = readFileSync(join(to, 'big'));
    let isFull = false;
    const proxy = await startHostileProxy(all.url, {
      instead({ text }) {
        if (isFull || !text.includes('"seals":"alone"')) return undefined;
        isFull = true;
        return { do: 'hold', at: 0, until: async () => fillBytes(disk) };
      },
    });
    defer(() => proxy.stop());
    const ended = await destination.lm(['copy', proxy.url, '--new-source']);
    expect(ended).toMatchObject({ code: 8, stderr: expect.stringMatching(/cannot write .*disk\/data\/big.*ENOSPC/) });
    tally('other faults', 'disk full');
    expect(readFileSync(join(to, 'big')).equals(older)).toBe(true);
    rmSync(join(disk, 'filler'));
    expect(await destination.lm(['copy', all.url])).toMatchObject({ code: 0, stderr: '' });
    expect(await readTree(to)).toEqual(await readTree(from));
  });

  test('by inodes', async () => {
    const all = await pair('size=128m,nr_inodes=1000', some(300, 64 * 1024));
    await fillsUp(all, () => fillInodes(all.disk), /cannot write .*disk\/data\/f\d+.*ENOSPC/);
  });

  test('the disk that holds the records of the copy', async () => {
    // Each file leaves some lines in the journal, which has to grow by more than a page.
    const box = await pair('size=24m', some(16, 9 * MIB));
    const to = box.destination.write('elsewhere', {});
    const options = { env: { LM_STATE_DIR: join(box.disk, 'state') } };
    await fillsUp({ ...box, to }, () => fillBytes(box.disk), /cannot write .*disk\/state.*ENOSPC/, options);
  });

  test('one that is full before anything begins', async () => {
    const { destination, url, disk } = await pair('size=4m', { a: 'a' });
    const to = destination.write('elsewhere', {});
    fillBytes(disk);
    const options = { env: { LM_STATE_DIR: join(disk, 'state') } };
    const ended = await destination.lm(['copy', url, to], options);
    expect(ended).toMatchObject({
      code: 8,
      stderr: expect.stringMatching(/disk\/state.*ENOSPC\nhint: free some space/),
    });
    tally('other faults', 'disk full');
    rmSync(join(disk, 'filler'));
    expect(await destination.lm(['copy', url, to], options)).toMatchObject({ code: 0, stderr: '' });
  });
});

const withoutParts = (tree: Snapshot): Snapshot =>
  Object.fromEntries(Object.entries(tree).filter(([key]) => !key.endsWith('.lm-part')));

function fillBytes(disk: string): void {
  for (const piece of [MIB, 4096, 1]) untilFull(() => appendFileSync(join(disk, 'filler'), Buffer.alloc(piece)));
}

function fillInodes(disk: string): void {
  mkdirSync(join(disk, 'filler'));
  let count = 0;
  untilFull(() => writeFileSync(join(disk, 'filler', String(count++)), ''));
}

function untilFull(write: () => void): void {
  try {
    for (;;) write();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
  }
}
