// A source that is a directory of this host: the same passes, guards, records and verifications as of one that an agent serves.

import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, test } from '@jest/globals';
import { HAS_BTRFS, mountBtrfs } from '../support/btrfs.js';
import { holdOpen, release } from '../support/holders.js';
import { hasKoffi, jsonLines } from '../support/lm.js';
import { longTest } from '../support/long-test.js';
import { sandbox } from '../support/sandbox.js';
import { settled } from '../support/settled.js';
import { dir, file, readTree } from '../support/tree.js';

afterEach(release);

const MIB = 2 ** 20;

test('a warm pass, and what the records say of the source', async () => {
  const { source, destination } = sandbox();
  const from = source.write('old', { a: 'a', d: dir({ b: file({ size: 9 * MIB }) }) });
  const to = destination.path('new');
  const copy = await destination.lm(['copy', from, to, '--threshold', '0.95']);
  expect(copy).toMatchObject({ code: 0, stdout: expect.stringContaining(`copy from ${from} `) });
  expect(await readTree(to)).toEqual(await readTree(from));
  expect(readdirSync(destination.stateDir)).toHaveLength(1);
  expect((await destination.lm(['doctor', from, to])).stdout).toContain(`${from} is a directory of this host`);
  const { stdout } = await destination.lm(['status']);
  expect(stdout).toMatch(new RegExp(`^ {2}source +${from}: a directory of this host$`, 'm'));
});

longTest(
  'what is no directory, lies in the destination or holds it, or is of other hosts too, is refused',
  async () => {
    const { source, destination } = sandbox();
    const from = source.write('old', { d: dir({}) });
    const to = destination.path('new');
    expect(await destination.lm(['copy', join(from, 'none'), to])).toMatchObject({ code: 2 });
    expect(await destination.lm(['copy', from, from, '--adopt'])).toMatchObject({ code: 6 });
    expect(await destination.lm(['copy', from, join(from, 'd')])).toMatchObject({
      code: 6,
      stderr: expect.stringContaining(`is inside data/0 of the source, ${from}`),
    });
    const shared = '/proc/sys/vm'; // as NFS is: not of the kernel's own times
    const final = await destination.lm(['copy', shared, to]);
    expect(final).toMatchObject({
      code: 6,
      stderr: expect.stringMatching(/nothing here proves .* \/proc\/sys\/vm is of/),
    });
    expect(final.stderr).toContain('--allow-live-source');
    const waived = await destination.lm(['copy', shared, to, '--allow-live-source', '--dry-run']);
    expect(waived.stderr).toMatch(
      /^warning: this copy need not be exact: nothing here proves .* \/proc\/sys\/vm is of/m,
    );
    expect(readdirSync(destination.dir)).not.toContain('new');
  },
);

longTest(
  'to its end: the last pass, an incremental verification, a completion, each of which sees who writes there',
  async () => {
    const { source, destination } = sandbox();
    const from = source.write('old', { a: 'a', big: file({ size: 9 * MIB }) });
    const to = destination.write('new', {});
    await settled(from);
    expect(await destination.lm(['copy', from, to, '--threshold', '0.9'])).toMatchObject({ code: 0 });
    writeFileSync(join(from, 'a'), 'changed');
    await holdOpen(join(from, 'a'));
    const busy = await destination.lm(['copy', '--wait-for-writer', '0s']);
    expect(busy).toMatchObject({ code: 6, stderr: expect.stringContaining(join(from, 'a')) });
    await release();
    expect(await destination.lm(['copy'])).toMatchObject({ code: 0 });
    expect(readFileSync(join(to, 'a'), 'utf8')).toBe('changed');
    await settled(from, to);
    const verified = async () => {
      const { code, stdout } = await destination.lm(['verify', '--incremental', '--json']);
      const { earlier, readAtSource } = jsonLines(stdout).at(-1)!['report'].proofs;
      return [code, earlier.entries, readAtSource.entries];
    };
    expect((await verified())[0]).toBe(0); // reads what was young when it was copied, at the source too
    expect(await verified()).toEqual([0, 2, 0]);
    writeFileSync(join(from, 'late'), '');
    expect(await destination.lm(['complete'])).toMatchObject({
      code: 6,
      stderr: expect.stringContaining('data/0/late'),
    });
    rmSync(join(from, 'late'));
    expect(await destination.lm(['copy'])).toMatchObject({ code: 0 });
    expect(await verified()).toEqual([0, 2, 0]);
    expect(await destination.lm(['complete'])).toMatchObject({
      code: 0,
      stdout: expect.stringContaining(`next: keep the service of ${from} from starting again, then start it here`),
    });
    expect(await destination.lm(['copy'])).toMatchObject({ code: 6 });
    expect(await destination.lm(['reset'])).toMatchObject({ code: 0 });
    expect(readdirSync(destination.stateDir).filter((name) => !name.startsWith('.'))).toEqual([]);
  },
);

longTest('another directory is another source', async () => {
  const { source, destination } = sandbox();
  const [from, other] = ['old', 'other'].map((name) => source.write(name, { a: name })) as [string, string];
  const to = destination.write('new', {});
  const warm = ['--threshold', '0.5'];
  expect(await destination.lm(['copy', from, to, ...warm])).toMatchObject({ code: 0 });
  expect(await destination.lm(['copy', other, to, ...warm])).toMatchObject({
    code: 6,
    stderr: expect.stringContaining('another agent'),
  });
  expect(await destination.lm(['copy', other, to, ...warm, '--new-source'])).toMatchObject({ code: 0 });
  expect(readFileSync(join(to, 'a'), 'utf8')).toBe('other');
});

(HAS_BTRFS && hasKoffi() ? longTest : test.skip)(
  'on one file system with reflinks: big files are clones, and proved like all others',
  async () => {
    const { dir: box, source, destination, defer } = sandbox();
    const { disk, unmount } = mountBtrfs(box);
    defer(unmount);
    const [from, to] = [join(disk, 'old'), join(disk, 'new')] as const;
    mkdirSync(to);
    source.write('.', {});
    mkdirSync(from);
    writeFileSync(join(from, 'small'), 'small');
    const bytes = Buffer.alloc(64 * MIB, 'some of it');
    for (let at = 0; at < bytes.length; at += 4096) bytes.writeUInt32LE(at, at); // compressible, and no block like another
    writeFileSync(join(from, 'big'), bytes);
    await settled(from);
    const { code, stdout } = await destination.lm(['copy', from, to, '--json']);
    expect(code).toBe(0);
    const [pass] = jsonLines(stdout).at(-1)!['report'].status;
    expect(pass.delta).toEqual({ cloned: 0, shared: 64 * MIB, compared: 0, differing: 0, whole: 0 });
    expect(pass).toMatchObject({ bytesReceived: 5, bytesReused: 64 * MIB, filesDownloaded: 2 });
    expect(await readTree(to)).toEqual(await readTree(from));
    expect(statSync(join(to, 'big')).ino).not.toBe(statSync(join(from, 'big')).ino);
    const verify = await destination.lm(['verify', '--incremental', '--json']);
    expect(verify.code).toBe(0);
    expect(jsonLines(verify.stdout).at(-1)!['report'].proofs.readAtSource.entries).toBe(0);
  },
);
