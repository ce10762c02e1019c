// A line so slow that no copy gets through in one go: whatever ends it, next to nothing comes twice. Bytes are counted on the line.

import { execFileSync } from 'node:child_process';
import {
  closeSync,
  linkSync,
  mkdirSync,
  openSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { expect, test } from '@jest/globals';
import { SETTLE_MS } from '../../src/files/recent-changes.js';
import { sample } from '../support/form.js';
import { longTest } from '../support/long-test.js';
import type { BadNetwork } from '../support/proxy.js';
import { sandbox } from '../support/sandbox.js';
import { file, readTree, setMtime, type Tree } from '../support/tree.js';

const MIB = 1024 * 1024;
const CONNECTIONS = 4;
const COPY = ['--concurrency', `${CONNECTIONS}`, '--quiet', '--new-source'];

/** Listings, heads and seals of a run. */
const HEADS = 256 * 1024;

/** Two hosts and a slow line between them. Files that were written just now are young: what came of them is compared. */
async function slowLine(tree: Tree, bytesPerSecond: number) {
  const box = sandbox();
  const from = box.source.write('data', tree);
  const to = box.destination.write('data', {});
  const agent = await box.source.serve([from]);
  const line = await box.proxy(agent.url, { bytesPerSecond });
  const start = () => box.destination.start(['copy', line.url, to, ...COPY]);
  return { ...box, from, to, line, start };
}

type SlowLine = Awaited<ReturnType<typeof slowLine>>;

async function finish({ start, from, to }: SlowLine): Promise<void> {
  const { code, stderr } = await start().done;
  expect({ code, stderr }).toEqual({ code: 0, stderr: expect.not.stringContaining('lm copy: ') });
  expect(await readTree(to)).toEqual(await readTree(from));
  expect(readdirSync(to).filter((name) => name.endsWith('.lm-part'))).toEqual([]);
}

/** Of a connection: a block, and what the line has handed on and a busy client has not read yet. Nothing but units would lose 16 MiB. */
const LOST = 2.5 * MIB;

const mostMoved = (size: number, interruptions: number, runs: number, lostEach = LOST): number =>
  size + interruptions * CONNECTIONS * lostEach + runs * HEADS;

test.each(sample(3, ['SIGKILL', 'SIGINT', 'SIGTERM'] as const))(
  'a copy that is ended by %s three times brings at most a MiB a connection twice',
  async (signal) => {
    const size = 64 * MIB;
    const all = await slowLine({ big: file({ size }), small: 's' }, 24 * MIB);
    for (let i = 1; i <= 3; i++) {
      const copy = all.start();
      await all.line.hasPassed(all.line.passed() + 16 * MIB);
      copy.kill(signal);
      await copy.done;
    }
    await finish(all);
    expect(all.line.passed()).toBeLessThanOrEqual(mostMoved(size, 3, 4));
  },
);

test('a line that is lost three times costs one copy at most a MiB a connection each time', async () => {
  const size = 64 * MIB;
  const all = await slowLine({ big: file({ size }) }, 24 * MIB);
  const copied = finish(all);
  for (let i = 1; i <= 3; i++) {
    await all.line.hasPassed(i * 16 * MIB);
    all.line.cut();
  }
  await copied;
  expect(all.line.passed()).toBeLessThanOrEqual(mostMoved(size, 3, 4));
});

longTest('files of some MiB are gone on with where they were as well', async () => {
  const size = 5 * MIB;
  const names = ['a', 'b', 'c', 'd'];
  const all = await slowLine(Object.fromEntries(names.map((name) => [name, file({ size })])), 6 * MIB);
  for (let i = 1; i <= 2; i++) {
    const copy = all.start();
    await all.line.hasPassed(all.line.passed() + 6 * MIB);
    copy.kill('SIGKILL');
    await copy.done;
  }
  await finish(all);
  expect(all.line.passed()).toBeLessThanOrEqual(mostMoved(names.length * size, 2, 3, 1.25 * MIB));
});

test('of small files every one that came is kept', async () => {
  const [count, size] = [240, 64 * 1024];
  const tree = Object.fromEntries(Array.from({ length: count }, (_, i) => [`f${i}`, file({ size })]));
  const all = await slowLine(tree, 8 * MIB);
  await pause(SETTLE_MS + 100); // young files get their names when their bundle has ended
  for (let i = 1; i <= 2; i++) {
    const copy = all.start();
    await all.line.hasPassed(all.line.passed() + 4 * MIB);
    copy.kill('SIGKILL');
    await copy.done;
  }
  const whole = readdirSync(all.to).filter((name) => statSync(join(all.to, name)).size === size && /^f/.test(name));
  expect(whole.length).toBeGreaterThan((4 * MIB) / size);
  await finish(all);
  // One file a connection was under way, and 256 KiB may have been read of each that were not yet told apart.
  expect(all.line.passed()).toBeLessThanOrEqual(mostMoved(count * size, 2, 3, size + 256 * 1024));
});

const MTIME_NS = 1_700_000_000_123_456_789n;

/** Two thirds of a file have come when the copy dies. */
async function halfCopied(): Promise<SlowLine & { path: string; size: number }> {
  const size = 24 * MIB;
  const all = await slowLine({ big: file({ size, mtimeNs: MTIME_NS }) }, 24 * MIB);
  await pause(SETTLE_MS + 100); // else it would be its youth, and not its ctime, that has hashes decide
  const copy = all.start();
  await all.line.hasPassed(16 * MIB);
  copy.kill('SIGTERM');
  await copy.done;
  return { ...all, path: join(all.from, 'big'), size };
}

test('a file that got another name at the source is not copied again: its hashes are asked for', async () => {
  const all = await halfCopied();
  linkSync(all.path, join(all.source.dir, 'snapshot'));
  const before = all.line.passed();
  await finish(all);
  expect(all.line.passed() - before).toBeLessThanOrEqual(all.size - 16 * MIB + CONNECTIONS * LOST + HEADS);
});

test('bytes that changed under the same size and time are found by their hashes, and they alone come again', async () => {
  const all = await halfCopied();
  const fd = openSync(all.path, 'r+');
  for (const at of [0, 5 * MIB]) writeSync(fd, 'changed', at);
  closeSync(fd);
  setMtime(all.path, MTIME_NS);
  const before = all.line.passed();
  await finish(all);
  expect(all.line.passed() - before).toBeLessThanOrEqual(all.size - 16 * MIB + CONNECTIONS * LOST + 2 * MIB + HEADS);
});

const rootOnly = process.getuid?.() === 0 ? test : test.skip;

rootOnly('a disk that is full keeps what came until it was', async () => {
  const size = 24 * MIB;
  const all = await slowLine({ big: file({ size }) }, 24 * MIB);
  const disk = all.destination.path('disk');
  mkdirSync(disk);
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=40m', 'tmpfs', disk]);
  all.defer(() => execFileSync('umount', [disk]));
  const to = join(disk, 'data');
  mkdirSync(to);
  const start = () => all.destination.start(['copy', all.line.url, to, ...COPY]);
  const copy = start();
  await all.line.hasPassed(4 * MIB);
  writeFileSync(join(disk, 'filler'), Buffer.alloc(24 * MIB));
  expect(await copy.done).toMatchObject({ code: 8 });
  const before = all.line.passed();
  rmSync(join(disk, 'filler'));
  await finish({ ...all, to, start });
  expect(before).toBeGreaterThan(10 * MIB);
  expect(all.line.passed()).toBeLessThanOrEqual(mostMoved(size, 1, 2));
});

test('a flipped bit costs its block', async () => {
  const { source, destination, proxy } = sandbox();
  const size = 24 * MIB;
  const from = source.write('data', { big: file({ size }) });
  const to = destination.write('data', {});
  const agent = await source.serve([from]);
  const line: BadNetwork = await proxy(agent.url, { flipAt: 10 * MIB, bytesPerSecond: 48 * MIB });
  const { code, stderr } = await destination.lm(['copy', line.url, to, '--concurrency', '1']);
  expect({ code, stderr }).toEqual({ code: 0, stderr: expect.stringContaining('retry') });
  expect(await readTree(to)).toEqual(await readTree(from));
  expect(line.passed()).toBeLessThanOrEqual(size + MIB + 3 * LOST + HEADS); // to its end it would have come twice
});
