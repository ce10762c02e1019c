// The long reading is done while the service runs: what is read in the downtime, by what the kernel counts at both ends. And a reading that
// is interrupted goes on.

import { appendFileSync, linkSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { afterEach, expect, test } from '@jest/globals';
import { flipBit } from '../support/flip-bit.js';
import { sample } from '../support/form.js';
import { holdOpen, release } from '../support/holders.js';
import { jsonLines } from '../support/lm.js';
import { longTest } from '../support/long-test.js';
import { sandbox } from '../support/sandbox.js';
import { settled } from '../support/settled.js';
import { dir, file } from '../support/tree.js';

const MIB = 1024 * 1024;

afterEach(release);

/** Bytes that read calls of the process have returned, of its ended children too. */
const bytesReadIn = (io: string): number => Number(/^rchar: (\d+)$/m.exec(io)![1]);

/** Runs a program and then tells what the kernel has counted of it. */
const COUNTED = ['/bin/sh', '-c', '"$0" "$@"; code=$?; cat /proc/$$/io >&2; exit $code'];

const PROCEDURE = 'copy, snapshot, verify --live, clearsnapshot, %s, copy, verify';

test.each(
  sample(2, [
    ['stop', false],
    ['verify --live again, stop', true],
  ] as const),
)(`${PROCEDURE}: in the downtime only what the final pass brought is read`, async (_, again) => {
  const { source, destination } = sandbox();
  const sstables = Object.fromEntries([1, 2, 3].map((seed) => [`${seed}.db`, file({ size: 4 * MIB, seed })]));
  const from = source.write('data', { ks: dir({ t: dir({ ...sstables, log: file({ size: 100_000 }) }) }) });
  const to = destination.write('data', {});
  const table = `${from}/ks/t`;
  await settled(from);
  const agent = await source.serve([from]);
  await holdOpen(`${table}/log`); // the service
  expect(await destination.lm(['copy', agent.url, to, '--threshold', '0.9'])).toMatchObject({ code: 0 });
  const verified = async (args: string[], counted = false) => {
    const before = bytesReadIn(readFileSync(`/proc/${agent.process.pid}/io`, 'utf8'));
    const run = destination.lm(['verify', '--incremental', '--json', ...args], counted ? { under: COUNTED } : {});
    const { code, stdout, stderr } = await run;
    const atSource = bytesReadIn(readFileSync(`/proc/${agent.process.pid}/io`, 'utf8')) - before;
    const { report } = jsonLines(stdout).at(-1)!;
    return { code, ...report.proofs, later: report.notYetCopied, atSource, here: counted ? bytesReadIn(stderr) : 0 };
  };

  mkdirSync(`${table}/snapshots/s`, { recursive: true });
  for (const name of Object.keys(sstables)) linkSync(`${table}/${name}`, `${table}/snapshots/s/${name}`);
  appendFileSync(`${table}/log`, 'work');
  await settled(from, to);
  const all = { entries: 3, bytes: 12 * MIB };
  expect(await verified(['--live'])).toMatchObject({
    code: 0,
    later: { entries: 1 },
    readHere: all,
    readAtSource: all,
  });

  rmSync(`${table}/snapshots`, { recursive: true });
  await settled(from);
  if (again)
    expect(await verified(['--live'])).toMatchObject({
      code: 0,
      readHere: { entries: 0 },
      readAtSource: all,
      lost: { ...all, byCtime: { here: 0, atSource: 3 } },
    });

  appendFileSync(`${table}/log`, 'more');
  await release();
  expect(await destination.lm(['copy', '--threshold', '1.0'])).toMatchObject({ code: 0 });
  const log = 100_008;
  const inDowntime = await verified([], true);
  expect(inDowntime.code).toBe(0);
  expect(inDowntime.earlier.entries).toBeGreaterThanOrEqual(3); // the log too, if the copy had to compare it: it was young
  expect(inDowntime.readHere.bytes).toBeLessThanOrEqual(log);
  expect(inDowntime.unlinked).toEqual(again ? undefined : all);
  expect(inDowntime.readAtSource.bytes).toBeLessThanOrEqual(log);
  expect(inDowntime.atSource).toBeLessThan(log + 4 * MIB); // and its requests, and what it reads of the processes there
  await settled(from, to);
  await verified([]);
  const nothing = await verified([], true);
  expect(nothing).toMatchObject({ code: 0, readHere: { entries: 0 }, readAtSource: { entries: 0 } });
  expect(inDowntime.here - nothing.here).toBeLessThan(log + 4 * MIB); // the program itself is read by both
  expect(await destination.lm(['complete'])).toMatchObject({
    code: 0,
    stdout: expect.stringMatching(/^verified: incrementally, .*; the oldest of these reads is of 20\S+Z, /m),
  });
});

test('a file that is written to, loses a hard link and gets its time back is read again by --live, and a commit log always', async () => {
  const { source, destination } = sandbox();
  const flipped = file({ size: 2 * MIB, seed: 1 });
  const from = source.write('data', { 'a.db': flipped });
  const log = source.write('commitlog', { 'c.log': flipped });
  const [to, logTo] = [destination.write('data', {}), destination.write('commitlog', {})];
  const [here, there] = [`${from}/a.db`, `${log}/c.log`];
  for (const path of [here, there]) linkSync(path, `${path}.snapshot`);
  await settled(from, log);
  const agent = await source.serve(['--root', `data=${from}`, '--root', `commitlog=${log}`, '--exclude', '*.snapshot']);
  const roots = ['--root', `data=${to}`, '--root', `commitlog=${logTo}`];
  expect(await destination.lm(['copy', agent.url, ...roots])).toMatchObject({ code: 0 });
  await settled(to, logTo);
  expect(await destination.lm(['verify', '--incremental'])).toMatchObject({ code: 0 });
  for (const path of [here, there]) {
    flipBit(path, MIB);
    rmSync(`${path}.snapshot`);
  }
  await settled(from, log);
  const differing = async (...args: string[]) => {
    const { stdout } = await destination.lm(['verify', '--incremental', '--json', ...args]);
    return jsonLines(stdout)
      .filter(({ type }) => type === 'difference')
      .map(({ key }) => key)
      .sort();
  };
  expect(await differing()).toEqual(['commitlog/0/c.log']); // that of a table is believed in, in the downtime
  expect(await differing('--live')).toEqual(['commitlog/0/c.log', 'data/0/a.db']);
});

test.each(sample(2, [[[]], [['--incremental']]]))(
  '%j that is interrupted says how to go on, and what it has read is not read again',
  async (args) => {
    const { source, destination } = sandbox();
    const names = ['a', 'b', 'c', 'd'];
    const from = source.write(
      'data',
      Object.fromEntries(names.map((name, seed) => [name, file({ size: 40 * MIB, seed })])),
    );
    const to = destination.write('data', {});
    await settled(from);
    const agent = await source.serve([from]);
    expect(await destination.lm(['copy', agent.url, to])).toMatchObject({ code: 0 });
    await settled(to);
    const verify = destination.start(['verify', ...args, '--json', '--concurrency', '1', '--limit-rate', '40MiB/s']);
    await verify.says(/"filesDone":[1-3]/);
    verify.kill('SIGINT');
    expect(await verify.done).toMatchObject({
      code: 130,
      stderr: expect.stringContaining('hint: lm verify --incremental goes on from here'),
    });
    const { code, stdout } = await destination.lm(['verify', '--incremental', '--json']);
    const { earlier, readHere } = jsonLines(stdout).at(-1)!['report'].proofs;
    expect(code).toBe(0);
    expect(earlier.entries).toBeGreaterThanOrEqual(1);
    expect(earlier.entries + readHere.entries).toBe(names.length);
  },
);

/** In a bundle of small files, and in a range of a big one. */
const ON_THE_WAY = [150_000, 2 * MIB];

longTest.each(ON_THE_WAY)(
  'a bit that is flipped on its way to a copy, at byte %d, leaves no wrong proof',
  async (flipAt) => {
    const { source, destination, proxy } = sandbox();
    const small = Object.fromEntries(
      Array.from({ length: 100 }, (_, seed) => [`s${seed}`, file({ size: 2000, seed })]),
    );
    const from = source.write('data', { ...small, big: file({ size: 9 * MIB }) });
    const to = destination.write('data', {});
    await settled(from);
    const agent = await source.serve([from]);
    const { url } = await proxy(agent.url, { flipAt });
    const first = await destination.lm(['copy', url, to]);
    if (first.code !== 0) expect(await destination.lm(['copy', url, to])).toMatchObject({ code: 0 });
    expect(readdirSync(to)).toHaveLength(101);
    for (const args of [['--incremental'], ['--offline']])
      expect({ args, ...(await destination.lm(['verify', ...args])) }).toMatchObject({ args, code: 0 });
  },
);
