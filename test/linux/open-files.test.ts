import { spawn, spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { geteuid } from 'node:process';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { findOpenFiles } from '../../src/linux/open-files.js';
import { holdOpen, leaveBehind, release, until } from '../support/holders.js';

let base: string;
let root: string;
beforeEach(() => {
  base = realpathSync(mkdtempSync(join(tmpdir(), 'lm-open-')));
  root = join(base, 'ro ot');
  mkdirSync(root);
  writeFileSync(join(root, 'x'), 'some bytes to map');
});
afterEach(() => rmSync(base, { recursive: true }));
afterEach(release);

const holders = async (...directories: string[]) => (await findOpenFiles(directories)).holders;
const entry = (pid: number, path: string, access: string) => [
  { pid, path, access, command: expect.stringMatching(/^(sh|sleep|python3?)$/) },
];

test('a file open for writing, and one open for reading', async () => {
  const writer = await holdOpen(join(root, 'x'));
  expect(await holders(root)).toEqual(entry(writer, `${root}/x`, 'write'));
  await release();
  const reader = await holdOpen(join(root, 'x'), '<');
  expect(await holders(root)).toEqual(entry(reader, `${root}/x`, 'read'));
  await release();
  expect(await holders(root)).toEqual([]);
});

test('the file open for writing is named rather than another', async () => {
  writeFileSync(join(root, 'log'), '');
  const pid = await leaveBehind(`exec 3<'${root}/x' 4>>'${root}/log'`, 'sleep 600');
  expect(await holders(root)).toEqual(entry(pid, `${root}/log`, 'write'));
});

test('neighbours with a longer or shorter name do not count', async () => {
  mkdirSync(`${root}2`);
  await holdOpen(`${root}2/x`);
  await holdOpen(join(base, 'x'));
  expect(await holders(root)).toEqual([]);
  expect(await holders(root, `${root}2`)).toHaveLength(1);
  expect(await holders('/')).not.toEqual([]);
});

test('a file that was removed while it is open', async () => {
  const pid = await holdOpen(join(root, 'x'));
  rmSync(join(root, 'x'));
  expect(await holders(root)).toEqual(entry(pid, `${root}/x (deleted)`, 'write'));
});

test('a file that is mapped and no longer open', async () => {
  copyFileSync('/bin/sleep', join(root, 'sleep'));
  const pid = await leaveBehind(':', `'${root}/sleep' 600`);
  // The loader maps the program and closes it; only then the mapping can be seen.
  await until(async () => (await holders(root)).length > 0);
  expect(await holders(root)).toEqual(entry(pid, `${root}/sleep`, 'read'));
});

const hasPython = spawnSync('python3', ['-c', '']).status === 0;

(hasPython ? test : test.skip)('a file mapped so that stores reach it', async () => {
  const fifo = join(base, 'fifo');
  spawnSync('mkfifo', [fifo]);
  const program = `
import mmap, os, time
fd = os.open("${root}/x", os.O_RDWR)
m = mmap.mmap(fd, 0)
os.close(fd)
os.closerange(3, 64)
open("${fifo}", "w").close()
time.sleep(600)`;
  const pid = await leaveBehind(':', `python3 -c '${program}'`);
  spawnSync('cat', [fifo]); // until the file is mapped
  expect(await holders(root)).toEqual(entry(pid, `${root}/x`, 'write'));
});

test('processes that this one started do not count', async () => {
  const child = spawn('/bin/sh', ['-c', `exec 3>>'${root}/x'; echo; exec sleep 600`], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await new Promise((resolve) => child.stdout.once('data', resolve));
  const ended = new Promise((resolve) => child.once('exit', resolve));
  try {
    expect(await holders(root)).toEqual([]);
  } finally {
    child.kill('SIGKILL');
    await ended;
  }
});

const canUnshare = geteuid?.() === 0 && spawnSync('unshare', ['-m', 'true']).status === 0;

(canUnshare ? test : test.skip)('a container sees the directory under another path', async () => {
  const pid = await leaveBehind(`mount --bind '${root}' /mnt; cd /; exec 3>>/mnt/x`, 'sleep 600', [
    'unshare',
    '-m',
    '--propagation',
    'private',
  ]);
  expect(await holders(root)).toEqual(entry(pid, '/mnt/x', 'write'));
});
