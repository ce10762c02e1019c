// Sparse files arrive sparse, and take no longer than what they hold.

import { execFileSync } from 'node:child_process';
import { closeSync, cpSync, ftruncateSync, openSync, readdirSync, readFileSync, statSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from '@jest/globals';
import { sample } from '../support/form.js';
import { until } from '../support/holders.js';
import { hasKoffi, jsonLines } from '../support/lm.js';
import { longTest } from '../support/long-test.js';
import { sandbox } from '../support/sandbox.js';
import { file, readTree } from '../support/tree.js';

const MIB = 1024 * 1024;
const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** `length` is a multiple of the text's. */
function writeSparse(path: string, size: number, data: readonly (readonly [offset: number, length: number])[]): void {
  const fd = openSync(path, 'w');
  ftruncateSync(fd, size);
  for (const [at, length] of data) writeSync(fd, Buffer.alloc(length, 'some bytes that repeat '), 0, length, at);
  closeSync(fd);
}

/** A file system counts the blocks in which it keeps where a file lies: more of them the more pieces it lies in. */
const TREE_BYTES = 64 << 10;

const allocated = (path: string): number => statSync(path).blocks * 512;

/** Of a big and of a small file: within a block, across the edge of one and of a request, at the end. */
const BIG = {
  size: 300 * MIB + 5000,
  data: [
    [5, 3],
    [3 * MIB - 10, 20],
    [10 * MIB + 8192, 4096],
    [100 * MIB, 70 * MIB],
    [300 * MIB + 4990, 10],
  ],
} as const;
const SMALL = { size: 6 * MIB, data: [[2 * MIB + 4096, 9000]] } as const;

function writePair(from: string): void {
  writeSparse(join(from, 'big'), BIG.size, BIG.data);
  writeSparse(join(from, 'small'), SMALL.size, SMALL.data);
  writeSparse(join(from, 'empty'), 64 * MIB, []);
}

async function expectSame(from: string, to: string): Promise<void> {
  expect(await readTree(to)).toEqual(await readTree(from));
  for (const name of readdirSync(from))
    expect(Math.abs(allocated(join(to, name)) - allocated(join(from, name)))).toBeLessThan(TREE_BYTES);
}

test('a copy of sparse files has the same holes, and receives what lies between them', async () => {
  const { source, destination } = sandbox();
  const from = source.write('data', {});
  writePair(from);
  const to = destination.write('data', {});
  const { url } = await source.serve([from]);
  const { code, stdout } = await destination.lm(['copy', url, to, '--json']);
  expect(code).toBe(0);
  const { status, leftOut } = jsonLines(stdout).at(-1)!['report'];
  expect(status[0]).toMatchObject({ bytesDownloaded: BIG.size + SMALL.size + 64 * MIB, filesDownloaded: 3 });
  expect(status[0].bytesReceived).toBeLessThan(82 * MIB); // six MiB of it are the small file
  expect(leftOut).not.toHaveProperty('holes');
  await expectSame(from, to);
  expect(await destination.lm(['verify', '--incremental'])).toMatchObject({ code: 0 });
  expect(await destination.lm(['verify'])).toMatchObject({ code: 0 });
});

test('holes punched at the source, and data written into holes, are copied as they are then', async () => {
  const { source, destination } = sandbox();
  const from = source.write('data', { big: file({ size: 40 * MIB }) });
  const to = destination.write('data', {});
  const { url } = await source.serve([from]);
  expect(await destination.lm(['copy', url, to])).toMatchObject({ code: 0 });
  const big = join(from, 'big');
  execFileSync('fallocate', ['-p', '-o', `${5 * MIB + 100}`, '-l', `${20 * MIB}`, big]);
  expect(await destination.lm(['copy'])).toMatchObject({ code: 0 });
  expect(allocated(join(to, 'big'))).toBeLessThan(21 * MIB);
  await expectSame(from, to);
  const fd = openSync(big, 'r+');
  writeSync(fd, 'more', 9 * MIB);
  closeSync(fd);
  expect(await destination.lm(['copy'])).toMatchObject({ code: 0 });
  await expectSame(from, to);
});

test('killed between holes, the next copy keeps what had arrived, and the holes', async () => {
  const { source, destination, proxy } = sandbox();
  const from = source.write('data', {});
  writePair(from);
  const to = destination.write('data', {});
  const { url } = await source.serve([from]);
  const between = await proxy(url, { stallAfter: 40 * MIB });
  const dying = destination.start(['copy', between.url, to, '--concurrency', '1']);
  await between.stalled;
  const journal = () => {
    const [instance] = readdirSync(destination.stateDir).filter((name) => name.startsWith('destination-'));
    return readFileSync(`${destination.stateDir}/${instance}/journal.jsonl`, 'utf8');
  };
  await until(() => /"range-done","key":"data\/0\/big"/.test(journal()));
  dying.kill('SIGKILL');
  expect(await dying.done).toMatchObject({ signal: 'SIGKILL' });

  const { code, stdout } = await destination.lm(['copy', url, '--json']);
  expect(code).toBe(0);
  const { status } = jsonLines(stdout).at(-1)!['report'];
  expect(status[0].bytesReused).toBeGreaterThan(0);
  expect(status[0].bytesReceived).toBeLessThan(82 * MIB);
  await expectSame(from, to);
});

test('a bit that flips between holes costs one request more', async () => {
  const { source, destination, proxy } = sandbox();
  const from = source.write('data', {});
  writeSparse(join(from, 'big'), BIG.size, BIG.data);
  const to = destination.write('data', {});
  const { url } = await source.serve([from]);
  const between = await proxy(url, { flipAt: 4 * MIB });
  const copied = await destination.lm(['copy', between.url, to, '--concurrency', '1']);
  expect(copied).toMatchObject({ code: 0, stderr: expect.stringMatching(/^retry .*data\/0\/big/m) });
  await expectSame(from, to);
});

longTest('bytes that a part has where the source has a hole by now become zeros', async () => {
  const { source, destination, proxy } = sandbox();
  const from = source.write('data', { big: file({ size: 60 * MIB }) });
  const to = destination.write('data', {});
  const { url } = await source.serve([from]);
  const between = await proxy(url, { stallAfter: 30 * MIB });
  const dying = destination.start(['copy', between.url, to, '--concurrency', '1']);
  await between.stalled;
  await until(() => readdirSync(to).some((name) => allocated(join(to, name)) >= 20 * MIB));
  dying.kill('SIGKILL');
  await dying.done;
  execFileSync('fallocate', ['-p', '-o', `${2 * MIB + 4096}`, '-l', `${40 * MIB}`, join(from, 'big')]);
  expect(await destination.lm(['copy', url])).toMatchObject({ code: 0 });
  expect(await readTree(to)).toEqual(await readTree(from));
});

longTest('a repair makes holes again of what is wrong in them, of whole blocks and of pages', async () => {
  const { source, destination } = sandbox();
  const from = source.write('data', {});
  const big = join(from, 'big');
  writeSparse(big, 20 * MIB, [[3 * MIB, 300 << 10]]);
  const to = destination.write('data', {});
  const { url } = await source.serve([from]);
  expect(await destination.lm(['copy', url, to])).toMatchObject({ code: 0 });
  const fd = openSync(join(to, 'big'), 'r+');
  for (const at of [3 * MIB + (500 << 10), 9 * MIB]) writeSync(fd, Buffer.alloc(256 << 10, 'wrong'), 0, 256 << 10, at);
  closeSync(fd);
  execFileSync('touch', ['-r', big, '--', join(to, 'big')]);
  expect(allocated(join(to, 'big'))).toBeGreaterThan(allocated(big) + (500 << 10));
  const { code, stdout } = await destination.lm(['verify', '--repair', '--json']);
  expect(code).toBe(0);
  expect(jsonLines(stdout).at(-1)!['report'].repairs).toMatchObject({ repaired: { entries: 1 } });
  await expectSame(from, to);
});

(hasKoffi() ? test : test.skip)(
  'a file of 400 GB with a few MiB of data is copied and verified, and has room on any disk',
  async () => {
    const { source, destination } = sandbox();
    const from = source.write('data', {});
    writeSparse(
      join(from, 'huge'),
      400e9,
      [0, 7, 123, 250, 399].map((at) => [at * 1e9 + 777, 500_000] as const),
    );
    const to = destination.write('data', {});
    const { url } = await source.serve([from]);
    expect(await destination.lm(['copy', url, to])).toMatchObject({ code: 0 });
    const verified = await destination.lm(['verify', '--incremental', '--json']);
    expect(verified).toMatchObject({ code: 0 });
    expect(jsonLines(verified.stdout).at(-1)!['report']).toMatchObject({ filesMatched: 1 });
    expect(allocated(join(to, 'huge'))).toBeLessThan(allocated(join(from, 'huge')) + TREE_BYTES);
    expect(await destination.lm(['copy'])).toMatchObject({ code: 0 });
  },
);

describe('without the package that finds holes', () => {
  const bare = (dir: string): string => {
    for (const name of ['bin', 'dist', 'package.json']) cpSync(join(ROOT, name), join(dir, name), { recursive: true });
    return join(dir, 'bin/lm.js');
  };

  test.each(sample(2, ['source', 'destination']))('at the %s, they are found by reading', async (side) => {
    const { dir, source, destination } = sandbox();
    const bin = bare(dir);
    const from = source.write('data', {});
    writePair(from);
    const to = destination.write('data', {});
    const { url } = await source.serve([from], side === 'source' ? { bin } : {});
    const copied = await destination.lm(['copy', url, to, '--json'], side === 'destination' ? { bin } : {});
    expect(copied).toMatchObject({ code: 0, stderr: '' });
    const { status } = jsonLines(copied.stdout).at(-1)!['report'];
    expect(status[0].bytesReceived).toBeLessThan(82 * MIB);
    await expectSame(from, to);
  });
});
